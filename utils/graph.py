"""Writes down what a module computes as a JSON list of operations, and runs such a list.

A trained network can then be used without the class that made it: in a later notebook, by the
grader, in a browser. `trace(model)` runs `encode` and `decode` once on random input and records the
operations that torch really executes, so it does not matter whether they were written as modules,
functions, methods or operators. The recorded list is run again on other input, with another batch
size, and compared: a graph that is not the model is never returned.

The format (`graph.json`):

    {"format": 1, "kind": "vae" | "autoencoder" | "decoder", "nz": 16,
     "encode": PROGRAM or null, "decode": PROGRAM}

    PROGRAM = {"input": [1, 28, 28], "outputs": ["%7", "%9"], "ops": [OP, ...]}
    OP      = {"op": "conv2d", "in": ["%0"], "out": "%1", "shape": [32, 14, 14], ...arguments}

`%0` is the input, every other `%n` the result of one operation, and `shape` the shape of that
result for one image, without the leading batch dimension. An entry of `in` is such a name, the name
of a tensor in `weights.safetensors`, or a number. A VAE's encoder has the outputs mu and logvar.
Dimensions (`dim`, `dims`) count from the batch dimension, which is 0 and never touched. The
operations and their arguments, with the meaning they have in `torch.nn.functional`, are

    linear              weight, bias                    x Wᵀ + b over the last dimension
    conv2d              weight, bias, stride, padding, dilation, groups
    conv_transpose2d    weight, bias, stride, padding, output_padding, dilation, groups
    batch_norm          weight, bias, mean, var, eps    (x - mean) / sqrt(var + eps) · weight + bias
    layer_norm          weight, bias, eps, dims         over the last `dims` dimensions
    group_norm          weight, bias, eps, groups
    max_pool2d          kernel, stride, padding         avg_pool2d likewise
    upsample_nearest    (to `shape`)                    upsample_bilinear: align_corners
    pad                 pads (last dimension first), value
    relu tanh sigmoid silu mish exp log log1p log_sigmoid sqrt neg abs
    gelu                approximate ("none" or "tanh")
    leaky_relu          slope                           elu: alpha, scale
    softplus            beta, threshold                 clamp: min, max (or null)
    add sub mul div pow minimum maximum                 two entries in `in`, broadcast as in numpy
    reshape             (to `shape`, order of elements kept)
    permute             dims                            expand: (to `shape`, by broadcasting)
    slice               dim, start, stop, then reshaped to `shape`
    concat              dim                             matmul: x A
    mean sum            dims                            then reshaped to `shape`
    full                value                           a constant of that shape

where `weight` and `bias` are names or null, and stride, padding, … pairs (rows, columns).
"""

import copy

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

FORMAT = 1
IMAGE = (1, 28, 28)
BATCH = 5  # of the recorded call; recognised in shapes, so not a size that layers tend to have
calls = 0  # of `run` and the like here: an answer to a question computes by itself, not by these


class Untraceable(Exception):
    """A module computes something that the format cannot express; the message says what."""


# -- running a graph ------------------------------------------------------------------------------

PLAIN = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "mish": F.mish,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "log_sigmoid": F.logsigmoid,
    "sqrt": torch.sqrt,
    "neg": torch.neg,
    "abs": torch.abs,
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "pow": torch.pow,
    "minimum": torch.minimum,
    "maximum": torch.maximum,
    "matmul": torch.matmul,
}


def run(program, weights, x):
    """Computes a PROGRAM for a batch x (B, ...); returns the list of its outputs, each (B, ...)."""
    global calls
    calls += 1
    values = {"%0": x}
    for op in program["ops"]:
        inputs = [_read(entry, values, weights) for entry in op["in"]]
        values[op["out"]] = _apply(op, inputs, weights, len(x))
    return [values[name] for name in program["outputs"]]


def _read(entry, values, weights):
    if isinstance(entry, str):
        return values[entry] if entry in values else weights[entry]
    return entry


def _apply(op, inputs, weights, batch):
    name, shape = op["op"], (batch, *op["shape"])
    x = inputs[0] if inputs else None
    if name in PLAIN:
        return PLAIN[name](*inputs)
    weight, bias = weights.get(op.get("weight")), weights.get(op.get("bias"))
    match name:
        case "linear":
            return F.linear(x, weight, bias)
        case "conv2d":
            stride, padding, dilation = op["stride"], op["padding"], op["dilation"]
            return F.conv2d(x, weight, bias, stride, padding, dilation, op["groups"])
        case "conv_transpose2d":
            stride, padding, extra = op["stride"], op["padding"], op["output_padding"]
            return F.conv_transpose2d(
                x, weight, bias, stride, padding, extra, op["groups"], op["dilation"]
            )
        case "batch_norm":
            mean, var = weights[op["mean"]], weights[op["var"]]
            return F.batch_norm(x, mean, var, weight, bias, eps=op["eps"])
        case "layer_norm":
            return F.layer_norm(x, x.shape[x.dim() - op["dims"] :], weight, bias, op["eps"])
        case "group_norm":
            return F.group_norm(x, op["groups"], weight, bias, op["eps"])
        case "max_pool2d":
            return F.max_pool2d(x, op["kernel"], op["stride"], op["padding"])
        case "avg_pool2d":
            return F.avg_pool2d(x, op["kernel"], op["stride"], op["padding"])
        case "upsample_nearest":
            return F.interpolate(x, size=shape[2:], mode="nearest")
        case "upsample_bilinear":
            corners = op["align_corners"]
            return F.interpolate(x, size=shape[2:], mode="bilinear", align_corners=corners)
        case "pad":
            return F.pad(x, op["pads"], value=op["value"])
        case "gelu":
            return F.gelu(x, approximate=op["approximate"])
        case "leaky_relu":
            return F.leaky_relu(x, op["slope"])
        case "elu":
            return op["scale"] * F.elu(x, op["alpha"])
        case "softplus":
            return F.softplus(x, op["beta"], op["threshold"])
        case "clamp":
            return torch.clamp(x, op["min"], op["max"])
        case "reshape":
            return x.reshape(shape)
        case "permute":
            return x.permute(op["dims"])
        case "expand":
            return x.expand(shape)
        case "slice":
            return x.narrow(op["dim"], op["start"], op["stop"] - op["start"]).reshape(shape)
        case "concat":
            return torch.cat(inputs, op["dim"])
        case "mean":
            return x.mean(op["dims"]).reshape(shape)
        case "sum":
            return x.sum(op["dims"]).reshape(shape)
        case "full":
            return torch.full(shape, op["value"])
    raise Untraceable(f"the operation '{name}' is unknown to this version of the kit")


# -- recording one --------------------------------------------------------------------------------


def trace(model, nz=None):
    """The graph of a module that has `encode` and `decode` (or `encoder` and `decoder`), as a dict.

    A module that has a decoder only, or is one, needs `nz`, the number of latent dimensions. The
    module is copied, so its mode, device, buffers and torch's random state stay as they are.
    Raises Untraceable when the computation cannot be expressed or depends on chance.
    """
    try:
        model = copy.deepcopy(model).cpu().eval()
    except Exception as error:
        raise Untraceable(f"the model cannot be copied ({error})") from error
    weights = {name: tensor.detach().float() for name, tensor in model.state_dict().items()}
    encode = getattr(model, "encode", None) or getattr(model, "encoder", None)
    decode = getattr(model, "decode", None) or getattr(model, "decoder", None)
    if decode is None and nz is None:
        raise Untraceable("the model has neither a method `decode` nor a part called `decoder`")
    decode = decode or model  # a decoder by itself
    graph = {"format": FORMAT, "kind": "decoder", "nz": nz, "encode": None}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        if encode is not None:
            graph["encode"] = _program(encode, model, weights, IMAGE, "encode")
            outputs = graph["encode"]["outputs"]
            if len(outputs) > 2:
                raise Untraceable(f"encode returns {len(outputs)} tensors; one or two are expected")
            graph["kind"] = "vae" if len(outputs) == 2 else "autoencoder"
            graph["nz"] = _width(graph["encode"])
        if not graph["nz"]:
            raise Untraceable('the number of latents is unknown: give it as settings={"nz": ...}')
        graph["decode"] = _program(decode, model, weights, (graph["nz"],), "decode")
        if (shape := graph["decode"]["ops"][-1]["shape"]) != list(IMAGE):
            raise Untraceable(f"decode returns {tuple(shape)} an image instead of {IMAGE}")
    return graph


def _program(function, model, weights, shape, label):
    with _Recorder(model) as recorder:
        x = recorder.input(torch.rand(BATCH, *shape))
        try:
            outputs = function(x)
        except Exception as error:
            given = f"{label} of a batch of shape {tuple(x.shape)} fails"
            raise Untraceable(f"{given}: {error}") from error
    outputs = list(outputs) if isinstance(outputs, tuple | list) else [outputs]
    program = {
        "input": list(shape),
        "outputs": [recorder.name(output) for output in outputs],
        "ops": recorder.ops,
    }
    _prune(program)
    x = torch.rand(2, *shape)
    expected = function(x)
    expected = expected if isinstance(expected, tuple | list) else [expected]
    for ours, theirs in zip(run(program, weights, x), expected, strict=True):
        if ours.shape != theirs.shape or not torch.allclose(ours, theirs, 1e-4, 1e-4):
            raise Untraceable(f"{label} does not give the same result twice, or changes in place")
    return program


def _prune(program):
    """Drops operations that no output depends on."""
    needed, kept = set(program["outputs"]), []
    for op in reversed(program["ops"]):
        if op["out"] in needed:
            needed.update(entry for entry in op["in"] if isinstance(entry, str))
            kept.append(op)
    program["ops"] = kept[::-1]


def _width(program):
    for op in program["ops"]:
        if op["out"] == program["outputs"][0] and len(op["shape"]) == 1:
            return op["shape"][0]
    raise Untraceable("encode must return one row of latents an image, shape (B, nz)")


class _Recorder(TorchDispatchMode):
    """Notes every operation that torch executes while it is active."""

    def __init__(self, model):
        super().__init__()
        self.ops = []
        self.count = 0
        self.alive = []  # ids are only unique among living objects
        self.names = {id(tensor): name for name, tensor in model.state_dict(keep_vars=True).items()}
        self.transposed = {}  # id of Wᵀ -> name of W
        self.refused = {}  # id -> why this tensor cannot be expressed

    def input(self, x):
        self._bind(x)
        return x

    def name(self, tensor):
        if id(tensor) in self.names:
            return self.names[id(tensor)]
        why = "a tensor that is neither the input nor a parameter or buffer of the model"
        raise Untraceable(f"it uses {self.refused.get(id(tensor), why)}")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        outputs = out if isinstance(out, tuple | list) else [out]
        named = {}
        for i, argument in enumerate(func._schema.arguments):
            value = args[i] if i < len(args) else kwargs.get(argument.name, argument.default_value)
            named[argument.name] = value
        try:
            self._record(func.overloadpacket.__name__, named, outputs)
        except Untraceable as error:
            for tensor in outputs:
                self.alive.append(tensor)
                self.names.pop(id(tensor), None)
                self.refused[id(tensor)] = str(error).removeprefix("it uses ")
        return out

    def _entry(self, tensor):
        known = id(tensor) in self.names or id(tensor) in self.refused
        return tensor.item() if tensor.dim() == 0 and not known else self.name(tensor)

    def _bind(self, tensor):
        name = f"%{self.count}"
        self.count += 1
        self.names[id(tensor)] = name
        self.alive.append(tensor)
        return name

    def _add(self, op, inputs, out, **arguments):
        if out.dim() == 0 or len(out) != BATCH:
            raise Untraceable(f"the operation '{op}' in a way that mixes the images of a batch")
        inputs = [self._entry(x) if isinstance(x, torch.Tensor) else x for x in inputs]
        for key in ("weight", "bias", "mean", "var"):
            if isinstance(arguments.get(key), torch.Tensor):
                arguments[key] = self.name(arguments[key])
        shape = list(out.shape[1:])
        result = {"op": op, "in": inputs, "out": self._bind(out), "shape": shape}
        self.ops.append(result | arguments)

    def _record(self, name, a, outs):
        name = name.rstrip("_")  # relu_ is relu whose result replaces its input
        out, x = outs[0], a.get("self", a.get("input"))
        affine = {"weight": a.get("weight"), "bias": a.get("bias")}
        match name:
            case "t" if id(x) in self.names and not self.names[id(x)].startswith("%"):
                self.transposed[id(out)] = self.names[id(x)]
                self.alive.append(out)
            case "addmm" if id(a["mat2"]) in self.transposed and a["alpha"] == a["beta"] == 1:
                weight = self.transposed[id(a["mat2"])]
                self._add("linear", [a["mat1"]], out, weight=weight, bias=x)
            case "mm" if id(a["mat2"]) in self.transposed:
                weight = self.transposed[id(a["mat2"])]
                self._add("linear", [x], out, weight=weight, bias=None)
            case "mm":
                self._add("matmul", [x, a["mat2"]], out)
            case "convolution" if x.dim() == 4:
                keys = ["stride", "padding", "dilation"]
                keys += ["output_padding"] if a["transposed"] else []
                arguments = affine | {key: list(a[key]) for key in keys} | {"groups": a["groups"]}
                op = "conv_transpose2d" if a["transposed"] else "conv2d"
                self._add(op, [x], out, **arguments)
            case "native_batch_norm" if not a["training"]:
                stats = {"mean": a["running_mean"], "var": a["running_var"], "eps": a["eps"]}
                self._add("batch_norm", [x], out, **affine, **stats)
            case "native_layer_norm":
                dims = len(a["normalized_shape"])
                self._add("layer_norm", [x], out, **affine, eps=a["eps"], dims=dims)
            case "native_group_norm":
                self._add("group_norm", [x], out, **affine, eps=a["eps"], groups=a["group"])
            case "max_pool2d_with_indices" | "avg_pool2d":
                whole = not a["ceil_mode"] and a.get("dilation", 1) in (1, [1], [1, 1])
                if not whole or a.get("divisor_override") or not a.get("count_include_pad", True):
                    raise Untraceable("an unusual kind of pooling")
                window = {"kernel": _pair(a["kernel_size"]), "padding": _pair(a["padding"])}
                window["stride"] = _pair(a["stride"]) or window["kernel"]
                self._add(name.removesuffix("_with_indices"), [x], out, **window)
            case "upsample_nearest2d":
                self._add("upsample_nearest", [x], out)
            case "upsample_bilinear2d":
                self._add("upsample_bilinear", [x], out, align_corners=a["align_corners"])
            case "constant_pad_nd":
                self._add("pad", [x], out, pads=list(a["pad"]), value=a["value"])
            case "relu" | "tanh" | "sigmoid" | "silu" | "mish" | "sqrt" | "neg" | "abs":
                self._add(name, [x], out)
            case "exp" | "log" | "log1p":
                self._add(name, [x], out)
            case "log_sigmoid_forward":
                self._add("log_sigmoid", [x], out)
            case "gelu":
                self._add("gelu", [x], out, approximate=a["approximate"])
            case "leaky_relu":
                self._add("leaky_relu", [x], out, slope=a["negative_slope"])
            case "elu" if a["input_scale"] == 1:
                self._add("elu", [x], out, alpha=a["alpha"], scale=a["scale"])
            case "softplus":
                self._add("softplus", [x], out, beta=a["beta"], threshold=a["threshold"])
            case "clamp" | "clamp_min" | "clamp_max":
                self._add("clamp", [x], out, min=a.get("min"), max=a.get("max"))
            case "hardtanh":
                self._add("clamp", [x], out, min=a["min_val"], max=a["max_val"])
            case "add" | "sub" if a.get("alpha", 1) == 1:
                self._add(name, [x, a["other"]], out)
            case "mul" | "minimum" | "maximum":
                self._add(name, [x, a["other"]], out)
            case "div" if a.get("rounding_mode") is None:
                self._add("div", [x, a["other"]], out)
            case "rsub" if a["alpha"] == 1:
                self._add("sub", [a["other"], x], out)
            case "reciprocal":
                self._add("pow", [x, -1.0], out)
            case "pow":
                self._add("pow", [x, a["exponent"]], out)
            case "view" | "_unsafe_view" | "unsqueeze" | "squeeze" | "clone" | "alias" | "detach":
                self._add("reshape", [x], out)
            case "permute":
                self._permute(x, out, [d % x.dim() for d in a["dims"]])
            case "transpose" | "t":
                dims, i, j = list(range(x.dim())), a.get("dim0", 0), a.get("dim1", 1)
                dims[i], dims[j] = dims[j], dims[i]
                self._permute(x, out, dims)
            case "expand":
                self._add("expand", [x], out)
            case "split" | "split_with_sizes":
                start, dim = 0, a["dim"] % x.dim()
                for part in outs:
                    stop = start + part.shape[dim]
                    self._slice(x, part, dim, start, stop)
                    start = stop
            case "slice" if a["step"] == 1:
                dim = a["dim"] % x.dim()
                start = a["start"] or 0
                start = start + x.shape[dim] if start < 0 else start
                self._slice(x, out, dim, start, start + out.shape[dim])
            case "select":
                dim, index = a["dim"] % x.dim(), a["index"] % x.shape[a["dim"]]
                self._slice(x, out, dim, index, index + 1)
            case "unbind":
                for index, part in enumerate(outs):
                    self._slice(x, part, a["dim"] % x.dim(), index, index + 1)
            case "cat":
                dim = a["dim"] % out.dim()
                self._add("concat", a["tensors"], out, dim=self._beyond_batch(dim))
            case "stack":
                dim, parts = a["dim"] % out.dim(), []
                for x in a["tensors"]:
                    parts.append(x.unsqueeze(dim))
                    self._add("reshape", [x], parts[-1])
                self._add("concat", parts, out, dim=self._beyond_batch(dim))
            case "mean" | "sum" if a.get("dim"):
                self._add(name, [x], out, dims=[d % x.dim() for d in a["dim"]])
            case "zeros_like" | "ones_like" | "full_like" | "zeros" | "ones" | "full":
                self._add("full", [], out, value=out.flatten()[0].item())
            case "new_zeros" | "new_ones" | "new_full":
                self._add("full", [], out, value=out.flatten()[0].item())
            case "lift_fresh":  # a constant written as torch.tensor(…): known by its value, if any
                pass
            case _:
                raise Untraceable(f"the operation '{name}', which graph.json cannot express")

    def _permute(self, x, out, dims):
        if dims[0] != 0:
            raise Untraceable("a permutation that moves the batch dimension")
        self._add("permute", [x], out, dims=dims)

    def _slice(self, x, out, dim, start, stop):
        if dim == 0 and stop - start == len(x):  # x[:, :3] begins with the whole of dimension 0
            return self._add("reshape", [x], out)
        self._add("slice", [x], out, dim=self._beyond_batch(dim), start=start, stop=stop)

    @staticmethod
    def _beyond_batch(dim):
        if dim == 0:
            raise Untraceable("an operation across the images of a batch")
        return dim


def _pair(value):
    value = [value] if isinstance(value, int) else list(value)
    return value * 2 if len(value) == 1 else value
