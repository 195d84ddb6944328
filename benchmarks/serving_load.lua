-- Varied trips for wrk: other zones, distances and times with each request, the same for each run.
local bodies, next_one = {}, 0

function init(arguments)
  math.randomseed(7)
  for number = 1, 2000 do
    bodies[number] = string.format(
      '{"PULocationID": %d, "DOLocationID": %d, "trip_distance": %.2f, ' ..
        '"lpep_pickup_datetime": "2023-03-%02dT%02d:%02d:00"}',
      math.random(1, 263), math.random(1, 263), math.random() * 12,
      math.random(1, 31), math.random(0, 23), math.random(0, 59))
  end
  -- Milliseconds that each connection waits on average before a request; none for full load.
  local wait = tonumber(arguments[1] or 0)
  if wait > 0 then
    function delay()
      return math.floor(wait * (0.5 + math.random()) + 0.5)
    end
  end
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  next_one = next_one % #bodies + 1
  return wrk.format("POST", "/predict", nil, bodies[next_one])
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.3f, "failed": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration / 1e6, failed,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
