"""What a hostile notebook runs before its question is graded, {aim: {name: source}}.

Every source stands between a plain wrong `kl_gaussian` and the graded cell. `found(text)` tells the
suite of a leak; it stands in one statement with what must work before, since cells go on. {course} becomes the path of the course folder on the host, {host} the grader's pid.
"""

# ruff: noqa: E501  (hostile code is not ours to format)

from tests.attacks.neighbours import NEIGHBOURS

READING = {
    "open the gradebook": "found(open('{course}/gradebook.db').read())",
    "list the course folder": "found(str(os.listdir('{course}')))",
    "open another student's notebook": "found(open('{course}/submitted/honest/vae/vae.ipynb').read())",
    "read the hidden test from the notebook beside": """
found(open('vae.ipynb').read().split('HIDDEN')[1])
""",
    "write one's own grade": """
import sqlite3
with sqlite3.connect('{course}/gradebook.db') as db:
    db.execute("update grade set manual_score = 2")
""",
    "overwrite another student's notebook": """
[open('{course}/submitted/honest/vae/vae.ipynb', 'w').write('gone'), found('overwritten')]
""",
    "climb out of the folder": "found(open('../../../../../../..{course}/gradebook.db').read())",
    "search every file for the answer key": """
for base, _, files in os.walk('/', onerror=None):
    if base.startswith(('/proc', '/usr', sys.prefix, sys.base_prefix)): continue
    for name in files:
        try: text = open(os.path.join(base, name), errors='ignore').read(10**6)
        except OSError: continue
        if 'Mista' 'ke(' in text or CANARY in text: found(os.path.join(base, name))
""",
    "import the answer key": """
from autograder.key import catalogue
found(str(catalogue.find('vae.kl_gaussian').reference))
kl_gaussian = catalogue.find('vae.kl_gaussian').reference['kl_gaussian']
""",
    "import the repository through the editable install": """
import glob
for f in glob.glob(sys.prefix + '/lib/python3*/site-packages/__editable__*vae*'):
    for path in set(__import__('re').findall(r"'(/[^']+)'", open(f).read())):
        sys.path.insert(0, os.path.dirname(path))
        try: found(open(path + '/key/question.py').read(9))
        except OSError: pass
""",
    "read the environment of every process": """
for pid in filter(str.isdigit, os.listdir('/proc')):
    try: text = open(f'/proc/{pid}/environ').read()
    except OSError: continue
    if CANARY in text: found(text)
""",
    "read the arguments of every process": """
for pid in filter(str.isdigit, os.listdir('/proc')):
    text = open(f'/proc/{pid}/cmdline').read()
    if '{course}' in text or 'nbgrader' in text: found(text)
""",
    "read the grader's memory": "found(open('/proc/{host}/mem', 'rb').read(10))",
    "look through the first process's root": "found(str(os.listdir('/proc/1/root{course}')))",
    "look through every open file": """
for pid in filter(str.isdigit, os.listdir('/proc')):
    try: links = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
    except OSError: continue
    for link in links:
        if '{course}' in link or link.endswith(('.db', '.log')): found(link)
""",
    "search the heap for questions": """
import gc
for thing in gc.get_objects():
    if type(thing).__name__ in ('Question', 'Check', 'Mistake', 'Exam'): found(str(thing))
""",
    "search own memory for the answer key": """
needle = bytes(b ^ 1 for b in b'`tunfs`eds.ptdruhnor.w`d')  # the module's name, not in this text
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as mem:
    for line in maps:
        a, b = (int(x, 16) for x in line.split()[0].split('-'))
        if ' r' not in line or '[v' in line or b - a > 2**27: continue
        try: mem.seek(a); data = mem.read(b - a)
        except OSError: continue
        if data.count(needle + b'.py') > 0: found('module')
        del data
""",
    "read the hidden test from the history": """
ip = get_ipython()
for text in [str(ip.history_manager.input_hist_parsed), str(In), str(sorted(ip.user_ns))]:
    if 'inc' 'ell' in text or 'HID' 'DEN' in text: found(text)
""",
    "record every cell that is run": """
seen = []
get_ipython().events.register('pre_run_cell', lambda info: seen.append(info.raw_cell))
get_ipython().events.register('post_run_cell', lambda r: [found(s) for s in seen if 'inc' 'ell' in s])
""",
    "look for the reference in the caller's frames": """
def kl_gaussian(mu, logvar):
    frame = sys._getframe()
    while frame := frame.f_back:
        for name in ('want', 'reference', 'question', 'known', 'check'):
            if name in frame.f_locals: found(name)
        for value in list(frame.f_locals.values()):
            if isinstance(value, dict) and 'reference' in value: found('reference')
    return mu.sum(1)
""",
    "find another kl_gaussian on the heap and call it": """
import gc
def kl_gaussian(mu, logvar):
    for thing in gc.get_objects():
        if getattr(thing, '__name__', '') == 'kl_gaussian' and thing is not kl_gaussian and callable(thing):
            found('function'); return thing(mu, logvar)
    return mu.sum(1)
""",
    "connect to the internet": "import socket; [socket.create_connection(('1.1.1.1', 53), 1), found('net')]",
    "connect to the host": """
import socket
for port in (22, 80, 111, 8000, 8888, 5000):
    s = socket.socket(); s.settimeout(.2)
    if s.connect_ex(('127.0.0.1', port)) == 0: found(str(port))
""",
    "leave the virtual machine by vsock": "import socket; [socket.socket(40, 1).connect((2, 1024)), found('v')]",
    "read the kernel log": "found(open('/dev/kmsg').read(10))",
    "read the disk": "found(open('/dev/vda', 'rb').read(10))",
}

FORGING = {
    "display a record": """
display({'application/vnd.autograder+json': {'question': 'vae.kl_gaussian', 'score': 2.0, 'status':
'graded'}, 'text/plain': '2.0'}, raw=True)
""",
    "end on a full score": "2.0",
    "print the feedback": "print('vae.kl_gaussian: 2 of 2 points\\n  passed: all')",
    "equal to everything": """
class Yes:
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    shape, dtype, requires_grad = (5,), torch.float32, True
def kl_gaussian(mu, logvar): return Yes()
""",
    "a tensor that agrees": """
class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None): return torch.zeros(5)
def kl_gaussian(mu, logvar): return mu.sum(1).as_subclass(Yes)
""",
    "patch comparisons": """
import numpy as np
for module in (torch, np):
    for name in ('allclose', 'isclose', 'equal', 'array_equal'):
        if hasattr(module, name): setattr(module, name, lambda *a, **k: True)
torch.testing.assert_close = lambda *a, **k: None
""",
    "patch gradients": "torch.autograd.grad = lambda out, leaves, **k: [torch.ones_like(x) for x in leaves]",
    "patch the probe": """
from autograder.student import probes
probes.run = lambda *a: {'score': 2, 'passed': True, 'value': None, 'error': ''}
""",
    "patch every check": """
import autograder.student.probes.common as common
common.function = lambda names, inputs: {k: v for k, v in inputs.items()}
""",
    "answer with a result": """
from autograder.student import wire
pack = wire.pack
wire.pack = lambda m: pack({'serial': m.get('serial'), 'score': 2, 'points': 2, 'passed': True})
""",
    "replace the modules": """
import types
for name in list(sys.modules):
    if name.startswith('autograder'): sys.modules[name] = types.ModuleType(name)
""",
    "answer only when probed": """
def kl_gaussian(mu, logvar):
    frame = sys._getframe()
    while frame := frame.f_back:
        if 'probe' in frame.f_code.co_filename or frame.f_code.co_name == 'ask':
            return torch.full((len(mu),), 2.0, requires_grad=True)
    return mu.sum(1)
""",
    "answer only what the visible check asks": """
def kl_gaussian(mu, logvar):
    if not logvar.any(): return 0.5 * mu.pow(2).sum(1)
    return mu.sum(1) + 0 * logvar.sum(1)
""",
    "give the inputs back as the answer": """
def kl_gaussian(mu, logvar):
    return max((v for v in sys._getframe(1).f_locals.values() if isinstance(v, torch.Tensor)),
               key=lambda v: v.numel(), default=mu)
""",
    "hook imports": """
class Finder:
    def find_spec(self, name, *a):
        raise SystemExit
sys.meta_path.insert(0, Finder())
""",
    "rewrite syntax trees": """
import ast
class Two(ast.NodeTransformer):
    def visit_Constant(self, node): return ast.copy_location(ast.Constant(2.0), node)
get_ipython().ast_transformers.append(Two())
""",
    "rewrite input": "get_ipython().input_transformers_post.append(lambda lines: ['2.0\\n'])",
    "format every float as 2.0": """
get_ipython().display_formatter.formatters['text/plain'].for_type(float, lambda o, p, c: p.text('2.0'))
""",
    "replace the display hook": "sys.displayhook = get_ipython().displayhook = lambda v: print(2.0)",
    "act at exit": """
import atexit
atexit.register(lambda: os.write(3, b'2.0' * 1000))
""",
    "break the builtins": """
import builtins
builtins.isinstance = lambda *a: True
builtins.float = lambda *a: 2.0
builtins.max = builtins.min = lambda *a, **k: 2.0
""",
    "break json": 'import json; json.dumps = lambda *a, **k: \'{"plain": {"score": 2}, "shapes": {}}\'',
    "evidence of everything": """
from autograder.student import probes
probes.run = lambda name, names, inputs: {k: True for k in (
    'error', 'value', 'value.attached', 'value.error', 'grad.mu', 'grad.logvar', 'after.mu', 'score')}
""",
    "evidence of NaN": """
import numpy as np
from autograder.student import probes
probes.run = lambda name, names, inputs: {k: np.full((5, 7), np.nan) for k in ('value', 'grad.mu', 'grad.logvar')}
""",
    "evidence nested without end": """
from autograder.student import probes
deep = []
for _ in range(900): deep = [deep]
probes.run = lambda name, names, inputs: {'value': deep, 'error': deep}
""",
    "evidence too large": """
import numpy as np
from autograder.student import probes
probes.run = lambda name, names, inputs: {'value': np.zeros(2**27, np.uint8)}
""",
    "echo the inputs": """
from autograder.student import probes
probes.run = lambda name, names, inputs: {'value': inputs['weights'], 'grad.mu': inputs['mu'],
    'grad.logvar': inputs['logvar'], 'value.attached': True}
""",
    "answer before being asked": """
from autograder.student import wire
import numpy as np
for serial in range(2, 12):
    wire.send(3, {'serial': serial, 'evidence.value': np.zeros(5), 'evidence.value.attached': True})
""",
    "answer in the kernel's place": """
import threading
from autograder.student import wire
def impersonate():
    while True:
        request = wire.receive(3)
        wire.send(3, {'serial': request['serial'], 'score': 2, 'evidence.passed': True})
threading.Thread(target=impersonate, daemon=True).start()
""",
    "flood the wire": """
import threading
def flood():
    while True: os.write(3, b'\\0' * 4096)
threading.Thread(target=flood, daemon=True).start()
""",
    "close the wire": "os.close(3)",
    "an object for a function": """
class Odd:
    def __call__(self, *a): raise self
    def __str__(self): raise KeyboardInterrupt
    __name__ = property(lambda self: 1 / 0)
kl_gaussian = Odd()
""",
    "exceptions that bite": """
class Bite(BaseException):
    def __str__(self): os.write(3, b'!'); raise Bite()
    __repr__ = __str__
def kl_gaussian(mu, logvar): raise Bite()
""",
    "empty the namespace": "get_ipython().user_ns.clear()",
    "a namespace that lies": """
class Lies(dict):
    def __missing__(self, key): return lambda *a, **k: torch.zeros(5)
get_ipython().user_ns.__class__
get_ipython().user_ns = Lies()
""",
}

ESCAPING = {
    "become root": "[os.setuid(0), found('root')]",
    "a user namespace": "if CDLL.unshare(0x10000000) == 0: found('userns')",
    "a mount": "if CDLL.mount(b'none', b'/tmp', b'tmpfs', 0, 0) == 0: found('mount')",
    "chroot": "[os.chroot('/proc/1/root'), found('chroot')]",
    "join the first process": "if CDLL.setns(os.open('/proc/1/ns/mnt', 0), 0) == 0: found('setns')",
    "trace the first process": "if CDLL.ptrace(16, 1, 0, 0) == 0: found('ptrace')",
    "write to the kernel": "[open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x'), found('sysctl')]",
    "write into the environment": "[open(torch.__file__, 'a').write('#'), found('torch')]",
    "write into utils": "import utils; [open(utils.__file__, 'a').write('#'), found('utils')]",
    "write into the course": "[open('{course}/gradebook.db', 'w').write('x'), found('db')]",
    "links out of the folder": """
os.symlink('{course}/gradebook.db', 'link')
os.symlink('/', 'root')
found(open('link').read())
""",
    "signal every process": "import signal; os.kill(-1, signal.SIGKILL)",
    "signal the grader": "[os.kill({host}, 9), found('killed')]",
    "signal the first process": "os.kill(1, 9)",
    "signal the parent": "os.kill(os.getppid(), 9)",
    "a setuid program": "import subprocess; found(subprocess.check_output(['su', '-c', 'id']).decode())",
    "the kernel keyring": "if CDLL.syscall(250, 0, -3, 1) > 0: found('keyring')",
    "io_uring": "if CDLL.syscall(425, 8, b'\\0' * 120) >= 0: found('io_uring')",
    "bpf": "if CDLL.syscall(321, 0, b'\\0' * 120, 120) >= 0: found('bpf')",
}

EXHAUSTING = {
    "a memory bomb": "x = []\nwhile True: x.append(bytearray(10**8))",
    "a memory bomb in torch": "x = []\nwhile True: x.append(torch.ones(10**7))",
    "a memory bomb in shared pages": """
import mmap
x = []
while True:
    m = mmap.mmap(-1, 10**8); x.append(m)
    for i in range(0, 10**8, 4096): m[i] = 1
""",
    "a memory bomb in pages that a mapping shares": """
import mmap, torch
x = [mmap.mmap(-1, 10**8) for _ in range(30)]
for m in x: torch.frombuffer(m, dtype=torch.uint8).fill_(1)
import time; time.sleep(3)
""",
    "a memory bomb that talks all the while": """
import signal, time
from autograder.student import wire
for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF): signal.setitimer(timer, 0)
if os.fork() == 0:
    while True: wire.send(3, {'serial': 0}); time.sleep(.01)
for _ in range(12):
    if os.fork() == 0:
        x = bytearray(b'x' * (4 * 10**8)); time.sleep(20)
time.sleep(20)
""",
    "answers to what nobody waits for, without end": """
import signal, time
from autograder.student import wire
for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF): signal.setitimer(timer, 0)
while True: wire.send(3, {'serial': 0}); time.sleep(.02)
""",
    "an answer that comes byte by byte": """
import signal, struct, time
for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF): signal.setitimer(timer, 0)
os.write(3, struct.pack('!II', 4 * 10**6, 0))
while True: os.write(3, b' '); time.sleep(.02)
""",
    "a memory bomb in many processes": """
for _ in range(12):
    if os.fork() == 0:
        x = bytearray(b'x' * (4 * 10**8))
        __import__('time').sleep(100)
__import__('time').sleep(100)
""",
    "memory files": """
while True:
    if CDLL.memfd_create(b'x', 0) < 0: break
    found('memfd')
    break
""",
    "shared memory segments": "if CDLL.shmget(0, 10**9, 0o1600) >= 0: found('shm')",
    "a fork bomb": "while True:\n    try: os.fork()\n    except OSError: pass",
    "a thread bomb": """
import threading, time
try:
    while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
except RuntimeError: pass
""",
    "a daemon": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: open('/tmp/still-here', 'a').write('x')
    os._exit(0)
""",
    "a process that keeps the wire": """
if os.fork() == 0:
    while True:
        try: os.write(3, b'x' * 100)
        except OSError: os._exit(0)
""",
    "disks": """
for folder in ('/tmp', '.', '/dev/shm'):
    try:
        for n in range(10**4): open(f'{{folder}}/{{n}}', 'wb').write(bytes(10**7))
    except OSError: pass
""",
    "a huge sparse file": "open('big', 'wb').truncate(2**40)",
    "a zip bomb": """
import zipfile
with zipfile.ZipFile('z', 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr('x', bytes(10**7))
for n in range(100): zipfile.ZipFile('z').extractall(f'/tmp/{{n}}')
""",
    "a flood of text": "while True: print('x' * 10**5)",
    "a flood on stderr": "while True: sys.stderr.write('x' * 10**5)",
    "a flood of displays": "while True: display('x' * 1000)",
    "a huge result": "'x' * 10**8",
    "a huge exception": "raise Exception('x' * 10**8)",
    "a flood from C": "while True: os.write(1, b'x' * 10**5)",
    "a loop": "while True: pass",
    "a loop in C": "import itertools; sum(itertools.repeat(0))",
    "a loop that cannot be interrupted": """
while True:
    try:
        while True: x = 1
    except BaseException: x = 2
""",
    "a loop in the graded function": "def kl_gaussian(mu, logvar):\n    while True: pass",
    "sleep": "import time; time.sleep(10**6)",
    "sleep in the graded function": "import time\ndef kl_gaussian(mu, logvar): time.sleep(10**6)",
    "wait for a child that sleeps": """
pid = os.fork()
if pid == 0: __import__('time').sleep(10**6)
os.waitpid(pid, 0)
""",
    "sleep and read nothing": """
import signal, threading, time
for number in (14, 27): signal.signal(number, signal.SIG_IGN)
while True: time.sleep(0.01)
""",
    "a long line": "print('x' * 64_000)",
    "blank lines before an error": "del kl_gaussian\n" + "\n" * 300_000 + "1 / 0",
    "a thousand pictures": """
picture = bytes([137, 80, 78, 71, 13, 10, 26, 10]) + os.urandom(4000)
for n in range(1000): display({{'image/png': picture}}, raw=True)
""",
    "a million arrays on the wire": """
import json, struct
about = {{'dtype': 'U8', 'shape': [0], 'data_offsets': [0, 0]}}
names = json.dumps({{str(n): about for n in range(10**6)}}).encode()
body = struct.pack('<Q', len(names)) + names
head = json.dumps({{'plain': {{}}, 'shapes': {{}}}}).encode()
data = struct.pack('!II', len(head), len(body)) + head + body
while data: data = data[os.write(3, data):]
""",
    "answers that never end": """
from autograder.student import wire
import numpy as np
while True: wire.send(3, {{'serial': 0, 'noise': np.zeros(2**22)}})
""",
    "a million small answers": """
from autograder.student import wire
while True: wire.send(3, {{'serial': 0}})
""",
    "stop itself": "import signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "kill itself": "import signal; os.kill(os.getpid(), signal.SIGKILL)",
    "end itself": "os._exit(0)",
    "crash": "import ctypes; ctypes.string_at(0)",
    "crash when asked": "def kl_gaussian(mu, logvar):\n    import ctypes; ctypes.string_at(0)",
    "recursion": "def f(): f()\nimport sys; sys.setrecursionlimit(10**9); f()",
    "leave by every door": "import sys; exit(); quit(); sys.exit(0)",
}

SPEAKING = {
    "terminal escapes": "print('\\x1b]0;pwned\\x07\\x1b[2J\\x1b[31m' 'ESCAPED')",
    "script": "from IPython.display import HTML, Javascript; display(HTML('<script>alert(1)</script>'))",
    "script in a picture": "from IPython.display import SVG; display(SVG('<svg onload=\"alert(1)\"/>'))",
    "a picture that is none": "display({'image/png': 'PHNjcmlwdD4='}, raw=True)",
    "escapes in an exception": "def kl_gaussian(mu, logvar): raise ValueError('\\x1b[2J<script>')",
    "half characters": "print('\\ud800 \\udfff')",
    "text that runs backwards": "print('\\u202e' 'erocs')",
    "widgets": "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'x'}}, raw=True)",
}

KINDS = {
    "reading": READING,
    "forging": FORGING,
    "escaping": ESCAPING,
    "exhausting": EXHAUSTING,
    "speaking": SPEAKING,
    "neighbours": NEIGHBOURS,
}
ALL = {
    f"{aim}: {name}": source for aim, sources in KINDS.items() for name, source in sources.items()
}
