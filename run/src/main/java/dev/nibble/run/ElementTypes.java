package dev.nibble.run;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.TensorInfo.OnnxTensorType;
import dev.nibble.graph.DataType;
import java.util.Optional;

/// ONNX's element types beside those of ONNX Runtime's Java interface, which has fewer.
final class ElementTypes {
    private ElementTypes() {}

    /// The Java type under which ONNX Runtime takes or fills a buffer of `type` as it is.
    ///
    /// Its Java interface knows no unsigned type wider than 8 bits, and none narrower than that.
    static Optional<OnnxJavaType> shared(DataType type) {
        return switch (type) {
            case FLOAT -> Optional.of(OnnxJavaType.FLOAT);
            case DOUBLE -> Optional.of(OnnxJavaType.DOUBLE);
            case INT8 -> Optional.of(OnnxJavaType.INT8);
            case UINT8 -> Optional.of(OnnxJavaType.UINT8);
            case INT16 -> Optional.of(OnnxJavaType.INT16);
            case INT32 -> Optional.of(OnnxJavaType.INT32);
            case INT64 -> Optional.of(OnnxJavaType.INT64);
            case BOOL -> Optional.of(OnnxJavaType.BOOL);
            case FLOAT16 -> Optional.of(OnnxJavaType.FLOAT16);
            case BFLOAT16 -> Optional.of(OnnxJavaType.BFLOAT16);
            case UINT16,
                    UINT32,
                    UINT64,
                    STRING,
                    COMPLEX64,
                    COMPLEX128,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    UINT4,
                    INT4,
                    FLOAT4E2M1,
                    FLOAT8E8M0,
                    UINT2,
                    INT2 -> Optional.empty();
        };
    }

    /// The type in which a graph input of `type` is fed instead, with a `Cast` after it that gives `type` back
    /// exactly.
    static Optional<DataType> carrier(DataType type) {
        return switch (type) {
            case UINT16 -> Optional.of(DataType.INT32);
            case UINT32 -> Optional.of(DataType.INT64);
            case FLOAT,
                    DOUBLE,
                    INT8,
                    UINT8,
                    INT16,
                    INT32,
                    INT64,
                    BOOL,
                    FLOAT16,
                    BFLOAT16,
                    UINT64,
                    STRING,
                    COMPLEX64,
                    COMPLEX128,
                    FLOAT8E4M3FN,
                    FLOAT8E4M3FNUZ,
                    FLOAT8E5M2,
                    FLOAT8E5M2FNUZ,
                    UINT4,
                    INT4,
                    FLOAT4E2M1,
                    FLOAT8E8M0,
                    UINT2,
                    INT2 -> Optional.empty();
        };
    }

    /// The element type of a tensor that ONNX Runtime made; its numbers are those of ONNX's file format.
    static Optional<DataType> of(OnnxTensorType type) {
        return switch (type) {
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED -> Optional.empty();
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 -> Optional.of(DataType.UINT8);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 -> Optional.of(DataType.INT8);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16 -> Optional.of(DataType.UINT16);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 -> Optional.of(DataType.INT16);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32 -> Optional.of(DataType.UINT32);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 -> Optional.of(DataType.INT32);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64 -> Optional.of(DataType.UINT64);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 -> Optional.of(DataType.INT64);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 -> Optional.of(DataType.FLOAT16);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT -> Optional.of(DataType.FLOAT);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE -> Optional.of(DataType.DOUBLE);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING -> Optional.of(DataType.STRING);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL -> Optional.of(DataType.BOOL);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX64 -> Optional.of(DataType.COMPLEX64);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX128 -> Optional.of(DataType.COMPLEX128);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 -> Optional.of(DataType.BFLOAT16);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FN -> Optional.of(DataType.FLOAT8E4M3FN);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FNUZ -> Optional.of(DataType.FLOAT8E4M3FNUZ);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2 -> Optional.of(DataType.FLOAT8E5M2);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2FNUZ -> Optional.of(DataType.FLOAT8E5M2FNUZ);
        };
    }
}
