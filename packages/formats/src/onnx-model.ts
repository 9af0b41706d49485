/**
 * ONNX files to plain graphs and back. The only file that knows the generated protobuf classes. Same graph, same
 * bytes: fields are written in the order of their numbers, everything else in the order given.
 * Source: onnx.proto of ONNX 1.20; IR version 8, which all of opset 17 needs.
 *
 * @module
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { DataError, FileFormatError } from "@renograde/core";
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { bytesOf, elementCount, type NumericArrayConstructor, viewAs } from "./element-types.js";
import {
  findOnnxGraphProblem,
  type OnnxArrays,
  type OnnxAttribute,
  type OnnxDtype,
  type OnnxGraph,
  type OnnxModel,
  type OnnxModelOptions,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from "./onnx-graph.js";
import { decodeUtf8 } from "./text.js";

const FORMAT = "ONNX";
const IR_VERSION = 8n;

/** Numbers of TensorProto.DataType. */
const TYPE_IDS: Record<OnnxDtype, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
};
const ARRAYS: { readonly [D in OnnxDtype]: NumericArrayConstructor<OnnxArrays[D]> } = {
  float32: Float32Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
};

/**
 * Writes a model.
 *
 * @throws DataError when the graph is wrong: a value nobody defines, one defined twice, data that do not fit a shape
 */
export function encodeOnnxModel(graph: OnnxGraph, options: OnnxModelOptions): Uint8Array<ArrayBuffer> {
  const problem = findOnnxGraphProblem(graph);
  if (problem !== null) throw new DataError(`ONNX graph '${graph.name}': ${problem}`);
  const opsets = [["", options.opset] as const, ...Object.entries(options.domains ?? {})];
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    opsetImport: opsets.map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
    ),
    ...(options.producer && {
      producerName: options.producer.name,
      producerVersion: options.producer.version,
    }),
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node: graph.nodes.map(encodeNode),
      initializer: graph.initializers.map(encodeTensor),
      input: graph.inputs.map(encodeValue),
      output: graph.outputs.map(encodeValue),
    }),
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    ),
  });
  return toBinary(ModelProtoSchema, model);
}

function encodeNode(node: OnnxNode) {
  return create(NodeProtoSchema, {
    name: node.name,
    opType: node.opType,
    ...(node.domain !== undefined && { domain: node.domain }),
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, attribute]) => encodeAttribute(name, attribute)),
  });
}

function encodeAttribute(name: string, attribute: OnnxAttribute): AttributeProto {
  const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
  switch (attribute.kind) {
    case "int":
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(attribute.value) });
    case "float":
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: attribute.value });
    case "string":
      return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: utf8(attribute.value) });
    case "ints":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.INTS,
        ints: attribute.value.map(BigInt),
      });
    case "floats":
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...attribute.value] });
    case "strings":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.STRINGS,
        strings: attribute.value.map(utf8),
      });
    case "tensor":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.TENSOR,
        t: encodeTensor(attribute.value),
      });
  }
}

function encodeTensor(tensor: OnnxTensor): TensorProto {
  const bytes = bytesOf(tensor.data);
  return create(TensorProtoSchema, {
    name: tensor.name,
    dataType: TYPE_IDS[tensor.dtype],
    dims: tensor.dims.map(BigInt),
    rawData: isPlain(bytes) ? bytes : bytes.slice(),
  });
}

/** Not backed by shared memory, which the protobuf classes do not take. */
function isPlain(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

function encodeValue(value: OnnxValue): ValueInfoProto {
  const dim = value.dims.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === "number"
          ? { case: "dimValue", value: BigInt(size) }
          : size === ""
            ? { case: undefined }
            : { case: "dimParam", value: size },
    }),
  );
  const tensorType = create(TypeProto_TensorSchema, {
    elemType: TYPE_IDS[value.dtype],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name: value.name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensorType } }),
  });
}

/**
 * Reads a model. Tensors share the memory of `bytes` where their alignment allows it.
 *
 * @throws FileFormatError when the bytes are no whole ONNX model, or use what this project does not: weights in other
 *   files, sparse tensors, graphs within nodes, functions, element types outside {@link OnnxDtype}
 */
export function decodeOnnxModel(bytes: Uint8Array, path = "<bytes>"): OnnxModel {
  const fail: Fail = (problem, cause) =>
    new FileFormatError(path, FORMAT, problem, cause === undefined ? {} : { cause });
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw fail("not an ONNX model, or truncated (its protobuf data cannot be decoded)", cause);
  }
  const text = (value: Uint8Array): string => decodeUtf8(value, path, FORMAT);
  const proto = model.graph;
  if (proto === undefined) throw fail("not an ONNX model (it holds no graph); it may be truncated");
  const opset = model.opsetImport.find((entry) => entry.domain === "" || entry.domain === "ai.onnx");
  if (opset === undefined) throw fail("names no version of the ONNX operators; it may be truncated");
  const others = model.opsetImport.filter((entry) => entry !== opset);
  if (proto.sparseInitializer.length > 0) throw fail("holds sparse tensors, which are not supported");
  if (model.functions.length > 0) throw fail("holds functions, which are not supported; inline them first");
  const graph: OnnxGraph = {
    name: proto.name,
    nodes: proto.node.map((node) => ({
      name: node.name,
      opType: node.opType,
      ...(node.domain !== "" && { domain: node.domain }),
      inputs: node.input,
      outputs: node.output,
      attributes: Object.fromEntries(
        node.attribute.map((attribute) => [
          attribute.name,
          decodeAttribute(attribute, `node '${node.name}' (${node.opType})`, fail, text),
        ]),
      ),
    })),
    initializers: proto.initializer.map((tensor) => decodeTensor(tensor, fail)),
    inputs: proto.input.map((value) => decodeValue(value, fail)),
    outputs: proto.output.map((value) => decodeValue(value, fail)),
  };
  const problem = findOnnxGraphProblem(graph);
  if (problem !== null) throw fail(`its graph is wrong: ${problem}`);
  return {
    graph,
    opset: Number(opset.version),
    ...(others.length > 0 && {
      domains: Object.fromEntries(others.map((entry) => [entry.domain, Number(entry.version)])),
    }),
    ...((model.producerName || model.producerVersion) && {
      producer: { name: model.producerName, version: model.producerVersion },
    }),
    ...(model.metadataProps.length > 0 && {
      metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
    }),
  };
}

type Fail = (problem: string, cause?: unknown) => FileFormatError;

function decodeAttribute(
  attribute: AttributeProto,
  where: string,
  fail: Fail,
  text: (value: Uint8Array) => string,
): OnnxAttribute {
  switch (attribute.type) {
    case AttributeType.INT:
      return { kind: "int", value: Number(attribute.i) };
    case AttributeType.FLOAT:
      return { kind: "float", value: attribute.f };
    case AttributeType.STRING:
      return { kind: "string", value: text(attribute.s) };
    case AttributeType.INTS:
      return { kind: "ints", value: attribute.ints.map(Number) };
    case AttributeType.FLOATS:
      return { kind: "floats", value: attribute.floats };
    case AttributeType.STRINGS:
      return { kind: "strings", value: attribute.strings.map(text) };
    case AttributeType.TENSOR:
      if (attribute.t !== undefined) return { kind: "tensor", value: decodeTensor(attribute.t, fail) };
      break;
    default:
  }
  throw fail(
    `${where}: attribute '${attribute.name}' is of kind ${AttributeType[attribute.type] ?? attribute.type}, which is not supported`,
  );
}

function decodeDtype(id: number, name: string, fail: Fail): OnnxDtype {
  const dtype = (Object.keys(TYPE_IDS) as OnnxDtype[]).find((key) => TYPE_IDS[key] === id);
  if (dtype === undefined) {
    throw fail(`'${name}' has element type ${id}; supported are ${Object.keys(TYPE_IDS).join(", ")}`);
  }
  return dtype;
}

function decodeTensor(tensor: TensorProto, fail: Fail): OnnxTensor {
  const { name } = tensor;
  const dtype = decodeDtype(tensor.dataType, name, fail);
  const dims = tensor.dims.map(Number);
  if (tensor.dataLocation === DataLocation.EXTERNAL || tensor.externalData.length > 0) {
    throw fail(`tensor '${name}' lies in another file, which is not supported; save the model as one file`);
  }
  const count = elementCount(dims);
  const wrongSize = (): FileFormatError =>
    fail(`tensor '${name}' of shape [${dims.join(", ")}] has data of another size; the file is corrupt`);
  const read = <D extends OnnxDtype>(key: D, values: readonly (number | bigint)[]): OnnxArrays[D] => {
    const type = ARRAYS[key];
    if (tensor.rawData.length > 0 || values.length === 0) {
      if (tensor.rawData.length !== count * type.BYTES_PER_ELEMENT) throw wrongSize();
      return viewAs(type, tensor.rawData);
    }
    if (values.length !== count) throw wrongSize();
    const data = new type(count);
    for (let i = 0; i < count; i++) (data as { [index: number]: number | bigint })[i] = values[i]!;
    return data;
  };
  switch (dtype) {
    case "float32":
      return { name, dims, dtype, data: read(dtype, tensor.floatData) };
    case "float16":
      return { name, dims, dtype, data: read(dtype, tensor.int32Data) };
    case "int64":
      return { name, dims, dtype, data: read(dtype, tensor.int64Data) };
    case "int32":
      return { name, dims, dtype, data: read(dtype, tensor.int32Data) };
    case "int8":
      return { name, dims, dtype, data: read(dtype, tensor.int32Data) };
    case "uint8":
      return { name, dims, dtype, data: read(dtype, tensor.int32Data) };
  }
}

function decodeValue(value: ValueInfoProto, fail: Fail): OnnxValue {
  const type = value.type?.value;
  if (type?.case !== "tensorType" || type.value.shape === undefined) {
    throw fail(`'${value.name}' is no tensor of known rank, which is not supported`);
  }
  return {
    name: value.name,
    dtype: decodeDtype(type.value.elemType, value.name, fail),
    dims: type.value.shape.dim.map(({ value: dim }) => {
      if (dim.case === "dimValue") return Number(dim.value);
      return dim.case === "dimParam" ? dim.value : "";
    }),
  };
}
