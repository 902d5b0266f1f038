# Threads, queues, monitors, exceptions, fibers, a subprocess and compressing libraries of Ruby, for testprogs/real/run.
require 'digest'
require 'monitor'
require 'zlib'

jobs = SizedQueue.new(8)
totals = {}
lock = Mutex.new
workers = 4.times.map do
  Thread.new do
    while (job = jobs.pop)
      digest = Digest::SHA256.hexdigest(Zlib::Deflate.deflate(job.to_s * 2000))
      lock.synchronize { totals[job] = digest }
    end
  end
end
200.times { |job| jobs << job }
4.times { jobs << nil }
workers.each(&:join)

monitor = Monitor.new
ready = monitor.new_cond
turn = 0
pair = 2.times.map do |me|
  Thread.new do
    100.times do
      monitor.synchronize do
        ready.wait_while { turn % 2 != me }
        turn += 1
        ready.broadcast
      end
    end
  end
end
pair.each(&:join)

caught = 0
5000.times { |i| begin; raise i.to_s if i.odd?; rescue RuntimeError; caught += 1; end }
numbers = Fiber.new { 1000.times { |i| Fiber.yield i }; nil }
sum = 0
while (number = numbers.resume)
  sum += number
end
GC.start
puts `echo child`
puts Digest::SHA256.hexdigest(totals.keys.sort.map { |key| totals[key] }.join), turn, caught, sum
