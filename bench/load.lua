-- Load for wrk: POSTs a fixed body with the headers that an AWS client sends, and prints its figures as one JSON line.
local body = string.rep("x", 1000)
wrk.method = "POST"
wrk.body = '{"data":"' .. body .. '"}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=000000000000/20261121/us-east-1/lambda/aws4_request, "
  .. "SignedHeaders=host;x-amz-date, Signature=" .. string.rep("0", 64)
wrk.headers["X-Amz-Date"] = "20261121T000000Z"
for name, value in string.gmatch(os.getenv("LOAD_HEADERS") or "", "([^\t\n]+)\t([^\n]*)\n") do
  wrk.headers[name] = value
end

done = function(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    'FIGURES {"p50_us":%d,"p90_us":%d,"p99_us":%d,"requests":%d,"seconds":%.3f,"errors":%d}',
    latency:percentile(50), latency:percentile(90), latency:percentile(99), summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
