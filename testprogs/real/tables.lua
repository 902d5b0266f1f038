-- Tables, strings, coroutines and errors caught: longjmp through patched code.
local counts, sum = {}, 0
for i = 1, 200000 do counts[i % 1000] = (counts[i % 1000] or 0) + i end
for _, count in pairs(counts) do sum = sum + count end
print(sum)
local take = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i) end end)
for _ = 1, 5 do print(take()) end
local caught = 0
for i = 1, 10000 do
    if not pcall(error, i) then caught = caught + 1 end
end
print(caught, (string.rep("ab", 5000):gsub("a", "xy")):len())
