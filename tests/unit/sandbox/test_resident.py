from pathlib import Path

from lambdad.sandbox.resident import resident


def _process(proc: Path, pid: int, kib: int, *children: int, shared: int = 0) -> None:
    thread = proc / str(pid) / "task" / str(pid)
    thread.mkdir(parents=True)
    (thread / "children").write_text(" ".join(str(child) for child in children))
    (proc / str(pid) / "status").write_text(f"Name:\tx\nVmRSS:\t  9999 kB\nRssAnon:\t  {kib} kB\nRssShmem:\t {shared} kB\n")


def test_all_descendants_count_but_not_the_supervisor(tmp_path: Path) -> None:
    _process(tmp_path, 1, 5000, 2, 3)
    _process(tmp_path, 2, 100, 4)
    _process(tmp_path, 3, 20)
    _process(tmp_path, 4, 3)
    assert resident(1, 0, tmp_path) == 123 * 1024


def test_processes_that_end_meanwhile_count_nothing(tmp_path: Path) -> None:
    _process(tmp_path, 1, 5000, 2, 3)
    _process(tmp_path, 3, 20)
    assert resident(1, 0, tmp_path) == 20 * 1024
    assert resident(77, 0, tmp_path) == 0


def test_shared_memory_counts_once_and_files_in_tmp_do_not(tmp_path: Path) -> None:
    _process(tmp_path, 1, 5000, 2, 3, shared=9000)
    _process(tmp_path, 2, 100, shared=500)
    _process(tmp_path, 3, 20, shared=700)
    assert resident(1, 0, tmp_path) == 820 * 1024
    assert resident(1, 300 * 1024, tmp_path) == 520 * 1024
    assert resident(1, 900 * 1024, tmp_path) == 120 * 1024
