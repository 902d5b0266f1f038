// Workers with shared memory, the thread pool (files, compression, keys), timers and a child of Node, for testprogs/real/run.
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
const crypto = require('crypto'), fs = require('fs'), zlib = require('zlib');
if (!isMainThread) {
    const words = new Int32Array(workerData.memory);
    for (let i = 0; i < 5000; i++) Atomics.add(words, 0, 1);
    parentPort.postMessage(crypto.createHash('sha256').update(Buffer.alloc(100000, workerData.me)).digest('hex'));
} else {
    const memory = new SharedArrayBuffer(8);
    const worker = me => new Promise((done, bad) => {
        new Worker(__filename, { workerData: { me, memory } }).on('message', done).on('error', bad);
    });
    const text = fs.readFileSync(process.argv[2]);
    (async () => {
        console.log((await Promise.all([1, 2, 3].map(worker))).join('\n'), Atomics.load(new Int32Array(memory), 0));
        const packed = await Promise.all([1, 5, 9].map(level => new Promise((done, bad) =>
            zlib.deflate(text, { level }, (error, data) => error ? bad(error) : done(data)))));
        console.log(packed.map(data => crypto.createHash('md5').update(data).digest('hex')).join(' '));
        console.log(packed.every(data => zlib.inflateSync(data).equals(text)));
        const keys = await Promise.all(['a', 'b', 'c', 'd'].map(word => new Promise((done, bad) =>
            crypto.pbkdf2(word, 'salt', 2000, 32, 'sha512', (error, key) => error ? bad(error) : done(key.toString('hex'))))));
        console.log(keys.join(' '));
        console.log(require('child_process').execSync('echo child').toString().trim());
    })();
}
