-- What wrk sends, and how it checks what comes back: status, length and id of every answer.
--
-- Arguments: the instants (CLOCK_MONOTONIC, nanoseconds) between which answers count; the length of a
-- body and how much longer it may be; the most answers that count; files with the head of a request,
-- with its middle, with its end, and with the ids of sessions, one a line.
--
-- Prints one line: RESULT and figures in JSON.

local ffi = require('ffi')
ffi.cdef [[
  typedef struct { long sec; long nsec; } bench_time;
  int clock_gettime(int clock, bench_time *time);
]]

local CLOCK_MONOTONIC = 1
local FIRST_ID = 1000000000
local time = ffi.new('bench_time')
-- Of all threads, for done().
local threads = {}

local function now()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, time)
  return tonumber(time.sec) * 1e9 + tonumber(time.nsec)
end

local function read(name)
  local file = assert(io.open(name, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  from, to = tonumber(args[1]), tonumber(args[2])
  bytes, slack, calls_max = tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  head, middle, tail = read(args[6]), read(args[7]), read(args[8])
  sessions = {}
  for id in read(args[9]):gmatch('[^\n]+') do table.insert(sessions, id) end
  next_id = FIRST_ID
  sent = {}
  -- How many answers took how long, to one part in about 200.
  counts = {}
  calls, in_all, bad_status, bad_content = 0, 0, 0, 0
end

function request()
  local id = next_id
  next_id = id + 1
  sent[id] = now()
  local session = sessions[1] and sessions[id % #sessions + 1] or ''
  return head .. session .. middle .. string.format('%d', id) .. tail
end

local function bucket(us)
  if us < 256 then return us end
  local scale = 2 ^ (math.floor(math.log(us) / math.log(2)) - 7)
  return math.floor(us / scale) * scale
end

function response(status, _, body)
  local at = now()
  if status ~= 200 then
    bad_status = bad_status + 1
    return
  end
  local id = tonumber(body:match('"id":(%d+)'))
  local since = id and sent[id]
  local over = #body - bytes
  if not since or over < 0 or over > slack then
    bad_content = bad_content + 1
    return
  end
  sent[id] = nil
  in_all = in_all + 1
  if at < from then return end
  if at >= to or calls >= calls_max then
    wrk.thread:stop()
    return
  end
  calls = calls + 1
  local us = bucket(math.max(1, math.floor((at - since) / 1000)))
  counts[us] = (counts[us] or 0) + 1
end

local function percentile(sorted, counts_of, total, share)
  local rank, seen = math.ceil(total * share), 0
  for _, us in ipairs(sorted) do
    seen = seen + counts_of[us]
    if seen >= rank then return us end
  end
  return 0
end

function done(summary)
  -- One thread: more would need more cores than the rest leaves.
  local thread = threads[1]
  local of = thread:get('counts')
  local sorted = {}
  for us in pairs(of) do table.insert(sorted, us) end
  table.sort(sorted)
  local total = thread:get('calls')
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"calls":%d,"callsInAll":%d,"errors":{"status":%d,"content":%d,"connection":%d,"unanswered":%d},"p50Us":%d,"p99Us":%d,"p999Us":%d}\n',
    total, thread:get('in_all'), thread:get('bad_status'), thread:get('bad_content'),
    errors.connect + errors.read + errors.write, errors.timeout,
    percentile(sorted, of, total, 0.5), percentile(sorted, of, total, 0.99), percentile(sorted, of, total, 0.999)))
end
