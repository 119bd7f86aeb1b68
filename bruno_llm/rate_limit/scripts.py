"""What Redis does in one step for a shared limit: the Lua scripts, on the clock of the server.

``PLACES`` is GCRA, two numbers per limit however much passes, that hands out the next free place
also where it lies ahead, instead of refusing: in a busy fleet a large request would be overtaken
for ever by small ones. The slots are leases in a sorted set, which a killed process gives back by
dying.
"""

from __future__ import annotations

__all__ = ["CONFIRM", "CORRECT", "DROP_SLOT", "PLACES", "RENEW_SLOT", "RESERVE", "TAKE_SLOT"]

RESERVE, CONFIRM, CORRECT = 0, 1, 2
"""Modes of ``PLACES``: take a place, ask once more when its time has come, correct an estimate."""

# KEYS: the hash of the limit. ARGV: mode, longest wait (-1: no bound), wait at least, hold, longest
# hold (-1: no bound), the length from which a hold is lifted (-1: none), then of each account the
# time per unit, the burst and the units; all times in microseconds. The answer
# is the wait in milliseconds, 0 for now and -1 for too far away. 1000 us is the step of the
# answer, and more than the rounding of a double at today's date (0.25 us) adds up to.
PLACES = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local mode = tonumber(ARGV[1])
local max_wait = tonumber(ARGV[2])
local start = now + tonumber(ARGV[3])
local new_hold = tonumber(ARGV[4])
local max_pause = tonumber(ARGV[5])
local doubted = tonumber(ARGV[6])
local accounts = (#ARGV - 6) / 3

local fields = {'hold'}
for i = 1, accounts do fields[i + 1] = 'tat' .. i end
local stored = redis.call('HMGET', KEYS[1], unpack(fields))
local hold = tonumber(stored[1]) or 0
if max_pause >= 0 then hold = math.min(hold, now + max_pause) end
if doubted >= 0 and hold - now > doubted then hold = 0 end
if new_hold > 0 then hold = math.max(hold, now + new_hold) end

local emission, burst, weight, full_at = {}, {}, {}, {}
for i = 1, accounts do
    local at = 6 + (i - 1) * 3
    emission[i] = tonumber(ARGV[at + 1])
    burst[i] = tonumber(ARGV[at + 2])
    weight[i] = tonumber(ARGV[at + 3])
    full_at[i] = tonumber(stored[i + 1]) or now
end

local function save()
    local last = math.max(now, hold)
    local write = {'hold', string.format('%.0f', hold)}
    for i = 1, accounts do
        last = math.max(last, full_at[i])
        write[#write + 1] = 'tat' .. i
        write[#write + 1] = string.format('%.3f', full_at[i])
    end
    redis.call('HSET', KEYS[1], unpack(write))
    redis.call('PEXPIRE', KEYS[1], math.ceil((last - now) / 1000) + 60000)
end

if mode == 2 then
    for i = 1, accounts do full_at[i] = full_at[i] + weight[i] * emission[i] end
    save()
    return 0
end
if mode == 1 then
    if hold <= now and start <= now then return 0 end
    for i = 1, accounts do full_at[i] = full_at[i] - weight[i] * emission[i] end
end

start = math.max(start, hold)
for i = 1, accounts do
    if emission[i] > 0 then
        start = math.max(start, full_at[i] + (weight[i] - burst[i]) * emission[i])
    end
end
if max_wait >= 0 and start - now > max_wait then
    save()
    return -1
end
for i = 1, accounts do
    full_at[i] = math.max(full_at[i], start) + weight[i] * emission[i]
end
save()
if start - now < 1000 then return 0 end
return math.ceil((start - now) / 1000)
"""

# KEYS: slots held, callers waiting (both: id -> end of lease), the order of the waiting
# (id -> number), the counter of that order. ARGV: id, slots, lease of a slot, lease of a place.
TAKE_SLOT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local id, size = ARGV[1], tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
    redis.call('ZREM', KEYS[2], gone)
    redis.call('ZREM', KEYS[3], gone)
end
if not redis.call('ZSCORE', KEYS[3], id) then
    redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[4]), id)
end
redis.call('ZADD', KEYS[2], now + ARGV[4], id)
local rank = redis.call('ZRANK', KEYS[3], id)
local got = 0
if rank < size - redis.call('ZCARD', KEYS[1]) then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZADD', KEYS[1], now + ARGV[3], id)
    got = 1
end
local keep = math.max(ARGV[3], ARGV[4]) + 60000
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], keep) end
return {got, rank}
"""

# XX: a renewal that overtakes the release must not bring the slot back.
RENEW_SLOT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('PEXPIRE', KEYS[1], ARGV[2] + 60000)
return redis.call('ZADD', KEYS[1], 'XX', 'CH', now + ARGV[2], ARGV[1])
"""

DROP_SLOT = """
for i = 1, 3 do redis.call('ZREM', KEYS[i], ARGV[1]) end
return 1
"""
