"""From START to the first NEXT: environment, modules, handlers, and what can be wrong with them."""

from pathlib import Path

import pytest

from tests.component.runtime_host import INIT_ERROR, NEXT

from .conftest import ENTRY, Run


def test_the_environment_is_that_of_start_and_no_other(run: Run, tmp_path: Path) -> None:
    host = run("exports.handler = async () => [process.env, process.cwd()]", environment={"A": "ä"})
    host.expect(NEXT)
    environment, directory = host.invoke().json
    assert environment["A"] == "ä"
    assert directory == str(tmp_path)
    assert not [name for name in environment if "LAMBDAD" in name or name == "_LAMBDA_TELEMETRY_LOG_FD"]


@pytest.mark.parametrize(
    ("file", "code", "handler"),
    [
        ("m.js", "exports.handler = async () => 1", "m.handler"),
        ("m.cjs", "exports.handler = async () => 1", "m.handler"),
        ("m.mjs", "export const handler = async () => 1", "m.handler"),
        ("m.mjs", "await null; export const handler = async () => 1", "m.handler"),
        ("m", "exports.handler = async () => 1", "m.handler"),
        ("dir/m.js", "exports.handler = async () => 1", "dir/m.handler"),
        ("dir/index.js", "exports.handler = async () => 1", "dir.handler"),
        ("node_modules/m/index.js", "exports.handler = async () => 1", "m.handler"),
        ("m.js", "exports.a = { b: { c: async () => 1 } }", "m.a.b.c"),
        ("m.mjs", "export default { handler: async () => 1 }", "m.default.handler"),
        ("m.js", "exports.handler = Object.assign(function () { return Promise.resolve(1) }, {})", "/m.handler"),
    ],
)
def test_where_a_handler_may_be(run: Run, tmp_path: Path, file: str, code: str, handler: str) -> None:
    if handler.startswith("/"):
        handler = str(tmp_path) + handler
    host = run(code, handler=handler, file=file)
    host.expect(NEXT)
    assert host.invoke().json == 1


@pytest.mark.parametrize("above", [False, True])
def test_js_files_of_a_module_package(run: Run, tmp_path: Path, above: bool) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    code = "import fs from 'node:fs'; export const handler = async () => typeof fs.readFileSync"
    host = run(code, file="dir/m.js" if above else "m.js", handler="dir/m.handler" if above else "m.handler")
    host.expect(NEXT)
    assert host.invoke().json == "function"


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("", "m", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "",
            "../m.f",
            "Runtime.MalformedHandlerName",
            "'../m.f' is not a valid handler name. Use absolute paths when specifying root directories in handler names.",
        ),
        ("", "m.f", "Runtime.HandlerNotFound", "m.f is undefined or not exported"),
        ("", "m.a.b", "Runtime.HandlerNotFound", "m.a.b is undefined or not exported"),
        ("exports.f = 5", "m.f", "Runtime.HandlerNotFound", "m.f is not a function"),
        ("exports.f = (", "m.f", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
        ("throw new RangeError('m')", "m.f", "RangeError", "m"),
        ("throw 'text'", "m.f", "string", "text"),
    ],
)
def test_init_errors(run: Run, code: str, handler: str, error_type: str, message: str) -> None:
    host = run(code, handler=handler)
    failure = host.expect(INIT_ERROR)
    assert failure.head == {"type": error_type}
    assert (failure.json["errorType"], failure.json["errorMessage"]) == (error_type, message)
    assert host.exit_status() == 1
    [text] = host.log()
    assert "\tundefined\tERROR\tUncaught Exception \t" in text


@pytest.mark.parametrize(("code", "handler"), [("require('nope')", "m.f"), ("", "nope.f")])
def test_a_missing_module(run: Run, tmp_path: Path, code: str, handler: str) -> None:
    failure = run(code, handler=handler).expect(INIT_ERROR)
    assert failure.head == {"type": "Runtime.ImportModuleError"}
    assert failure.json["errorMessage"].startswith("Error: Cannot find module 'nope'\nRequire stack:\n- ")
    assert failure.json["trace"][0] == "Runtime.ImportModuleError: Error: Cannot find module 'nope'"


def test_a_missing_package_of_a_module(run: Run) -> None:
    failure = run("import 'nope'", file="m.mjs").expect(INIT_ERROR)
    assert failure.json["errorType"] == "Error"
    assert failure.json["errorMessage"].startswith("Cannot find package 'nope' imported from ")


@pytest.mark.parametrize(
    ("statement", "status", "error_type"),
    [
        ("setImmediate(() => { throw new Error('m') })", 129, "Error"),
        ("Promise.reject(new Error('m'))", 128, "Runtime.UnhandledPromiseRejection"),
    ],
)
def test_errors_beside_the_loading(run: Run, statement: str, status: int, error_type: str) -> None:
    host = run(f"{statement}; await new Promise(r => setTimeout(r, 60000)); export const handler = 1", file="m.mjs")
    assert host.expect(INIT_ERROR).head == {"type": error_type}
    assert host.exit_status() == status


def test_an_exit_during_init(run: Run) -> None:
    assert run("process.exit(6)").exit_status() == 6


def test_a_working_directory_that_is_not_there(run: Run) -> None:
    failure = run("", cwd="/nowhere").expect(INIT_ERROR)
    assert failure.json["errorType"] == "Runtime.InvalidWorkingDir"
    assert failure.json["errorMessage"] == "chdir /nowhere: no such file or directory"


def _layer(tmp_path: Path) -> dict[str, str]:
    for where, name in (
        ("nodejs/node_modules", "both"),
        ("nodejs/node_modules", "low"),
        ("nodejs/node20/node_modules", "both"),
    ):
        package = tmp_path / "opt" / where / name
        package.mkdir(parents=True)
        (package / "index.js").write_text(f"module.exports = {{ name: '{where} {name}' }}")
    own = tmp_path / "node_modules" / "own"
    own.mkdir(parents=True)
    (own / "index.js").write_text("module.exports = { name: 'own' }")
    opt = tmp_path / "opt" / "nodejs"
    return {"NODE_PATH": f"{opt}/node20/node_modules:{opt}/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"}


EXPECTED = ["own", "nodejs/node20/node_modules both", "nodejs/node_modules low"]


def test_packages_of_layers(run: Run, tmp_path: Path) -> None:
    code = "exports.handler = async () => ['own', 'both', 'low'].map(name => require(name).name)"
    host = run(code, environment=_layer(tmp_path))
    host.expect(NEXT)
    assert host.invoke().json == EXPECTED


def test_packages_of_layers_in_modules(run: Run, tmp_path: Path) -> None:
    code = (
        "import own from 'own'; import both from 'both'; import low from 'low'\n"
        "export const handler = async () => [own.name, both.name, low.name, await import('nope').catch(e => e.code)]"
    )
    host = run(code, file="m.mjs", environment=_layer(tmp_path))
    host.expect(NEXT)
    assert host.invoke().json == [*EXPECTED, "ERR_MODULE_NOT_FOUND"]


def test_a_wrapper_script_starts_the_runtime(run: Run, tmp_path: Path, node: str) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text('#!/bin/sh\necho "wrapped $@"\nexport ADDED=yes\nexec "$@"\n')
    wrapper.chmod(0o755)
    command = [node, str(ENTRY)]
    host = run(
        "exports.handler = async () => { console.log('x'); return [process.env.ADDED, process.cwd(),"
        " Object.keys(process.env).filter(name => name.startsWith('_L'))] }",
        argv=[str(wrapper), *command],
    )
    host.expect(NEXT)
    assert host.written().decode() == f"wrapped {' '.join(command)}\n"
    assert host.invoke().json == ["yes", str(tmp_path), []]
    assert len(host.log()) == 1


@pytest.mark.parametrize(("statement", "status"), [("process.exit(5)", 5), ("process.kill(process.pid, 9)", -9)])
def test_the_end_of_a_wrapped_runtime_is_that_of_the_runtime(run: Run, node: str, statement: str, status: int) -> None:
    host = run(f"exports.handler = async () => {{ {statement} }}", argv=["/usr/bin/env", node, str(ENTRY)])
    host.expect(NEXT)
    host.post()
    assert host.exit_status() == status


@pytest.mark.parametrize(("mode", "status"), [(None, 127), (0o644, 126)])
def test_a_wrapper_script_that_can_not_be_executed(run: Run, tmp_path: Path, mode: int | None, status: int) -> None:
    wrapper = tmp_path / "wrapper"
    if mode is not None:
        wrapper.write_text("")
        wrapper.chmod(mode)
    host = run("", argv=[str(wrapper)])
    assert host.exit_status() == status
    assert str(wrapper) in host.written().decode()


def test_options_of_node_are_followed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "first.js").write_text("globalThis.first = process.env.A")
    host = run(
        "exports.handler = async () => [globalThis.first, process.env.NODE_OPTIONS]",
        environment={"NODE_OPTIONS": f"--require {tmp_path}/first.js", "A": "1"},
    )
    host.expect(NEXT)
    assert host.invoke().json == ["1", f"--require {tmp_path}/first.js"]


def test_source_maps_need_no_second_process(run: Run) -> None:
    host = run("exports.handler = async () => process.pid", environment={"NODE_OPTIONS": "--enable-source-maps"})
    host.expect(NEXT)
    assert host.invoke().json == host.pid


def test_the_time_zone_is_that_of_the_environment(run: Run) -> None:
    host = run("exports.handler = async () => new Date(0).getHours()", environment={"TZ": "Asia/Tokyo"})
    host.expect(NEXT)
    assert host.invoke().json == 9


@pytest.mark.parametrize(("library", "replaced"), [("libown.so.1", True), ("own.txt", False)])
def test_a_function_with_shared_libraries_has_a_process_of_its_own(
    run: Run, tmp_path: Path, library: str, replaced: bool
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / library).touch()
    path = f"/lib64:/nowhere:{tmp_path}/lib"
    host = run(
        "exports.handler = async () => [process.pid, process.env.LD_LIBRARY_PATH]", environment={"LD_LIBRARY_PATH": path}
    )
    host.expect(NEXT)
    process, variable = host.invoke().json
    assert (process != host.pid, variable) == (replaced, path)
