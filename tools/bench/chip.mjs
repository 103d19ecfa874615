// What modules weigh on a 32-bit MicroPython (WebAssembly, under Node). MIT licence.
//
// node chip.mjs INTERPRETER FOLDER MODULE [MODULE ...]
//
// INTERPRETER: micropython.mjs of @micropython/micropython-webassembly-pyscript. FOLDER: packages as
// .mpy. The modules are imported in this order; told, as JSON, is what each has added to the heap
// after a collection, and how many names it has brought. C modules that this port lacks are stubs.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [interpreter, folder, ...modules] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(path.resolve(interpreter)).href);
const mp = await loadMicroPython({ heapsize: 4 << 20, stdout: (line) => console.log(line) });

function put(from, to) {
  mp.FS.mkdir(to);
  for (const one of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, place] = [path.join(from, one.name), `${to}/${one.name}`];
    if (one.isDirectory()) put(source, place);
    else mp.FS.writeFile(place, fs.readFileSync(source));
  }
}
put(folder, '/lib');

const resets = 'PWRON_RESET=1\nHARD_RESET=2\nWDT_RESET=3\nDEEPSLEEP_RESET=4\nSOFT_RESET=5\n';
const stubs = {
  'umqtt/__init__': '',
  'umqtt/simple': 'class MQTTException(Exception):\n pass\nclass MQTTClient:\n pass\n',
  esp32: 'class Partition:\n pass\nclass NVS:\n pass\n',
  machine: `${resets}class WDT:\n pass\nclass Timer:\n pass\n`,
  requests: '',
  network: '',
  ntptime: '',
  tls: 'PROTOCOL_TLS_CLIENT=0\nCERT_REQUIRED=2\nclass SSLContext:\n pass\n',
  socket: 'SOCK_STREAM=1\nAF_INET=2\nclass socket:\n pass\ndef getaddrinfo(*a):\n pass\n',
};
mp.FS.mkdir('/stub');
mp.FS.mkdir('/stub/umqtt');
for (const [name, text] of Object.entries(stubs)) mp.FS.writeFile(`/stub/${name}.py`, text);
const firmware = `${Object.keys(stubs).filter((name) => !name.includes('/')).join(' ')} umqtt.simple`;

// As apps/modules.py does on the sim: this interpreter has no files of ours to load it from.
const program = `
import gc, json, micropython, sys
sys.path[:] = ['/lib', '.frozen', '/stub']
for one in '${firmware} binascii deflate errno hashlib io json os random struct time version'.split():
    __import__(one)
modules = ${JSON.stringify(modules)}
found = [0] * len(modules)
# The table of names doubles when it is full: it is made to grow before, not in some module.
# (As in apps/modules.py, on purpose: each is sent to its interpreter alone.)
count = 0
before = after = gc.mem_alloc()
while after - before < 6000:
    before = after
    hasattr(sys, '~%d' % count)
    count += 1
    gc.collect()
    after = gc.mem_alloc()
micropython.qstr_info()
for at in range(len(modules)):
    gc.collect()
    before = gc.mem_alloc()
    __import__(modules[at])
    gc.collect()
    found[at] = gc.mem_alloc() - before
micropython.qstr_info()
print('bench modules', json.dumps(found))
`;
try {
  mp.runPython(program);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
