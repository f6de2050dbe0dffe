package dev.nibble.npu.cost;

import java.util.Locale;
import java.util.Optional;

/// A number of the calibrated cost model. `centre`, `spread` and `between` say what a fit starts from: a value, how
/// far (in natural logarithms) measurements may easily move it for all chips, and for one chip beside the others.
public enum Parameter {
    RUN_US("run_us", "µs", "each run: dispatch to the NPU and back", 47, 0.5, 0.2, Kind.TIME),
    IO_GBS("io_gbs", "GB/s", "the model's inputs and outputs, converted and moved", 10, 0.7, 0.2, Kind.TRAFFIC),
    LAYER_US(
            "layer_us",
            "µs",
            "each layer of 8-bit activations: scheduling, filling and draining",
            0.65,
            0.5,
            0.1,
            Kind.TIME),
    LAYER_WIDE("layer_wide", "×", "layer_us and barrier_us with 16-bit or float activations", 1, 0.5, 0.05, Kind.RATIO),
    BARRIER_US(
            "barrier_us",
            "µs",
            "each reduction over a whole picture, which breaks depth-first tiling",
            3,
            0.7,
            0.1,
            Kind.TIME),
    INT4_TOPS(
            "int4_tops",
            "TOPS",
            "matrix unit, 4-bit weights and 8-bit activations: in no measurement",
            50,
            0.3,
            0.2,
            Kind.RATE),
    INT8_TOPS("int8_tops", "TOPS", "matrix unit, 8-bit activations", 50, 0.3, 0.2, Kind.RATE),
    INT16_TOPS("int16_tops", "TOPS", "matrix unit, 16-bit activations", 24, 0.3, 0.2, Kind.RATE),
    FLOAT16_TFLOPS("float16_tflops", "TFLOPS", "matrix unit, FP16", 12.8, 0.3, 0.3, Kind.RATE),
    MEMORY_GBS(
            "memory_gbs",
            "GB/s",
            "weights and spilled activations, net of what prefetching hides",
            80,
            0.4,
            0.3,
            Kind.TRAFFIC),
    ELEMENTWISE_GBS(
            "elementwise_gbs", "GB/s", "vector units: arithmetic on two values, clipping", 260, 0.5, 0.1, Kind.RATE),
    FUNCTION_GBS("function_gbs", "GB/s", "vector units: sigmoid, SiLU, GELU", 52, 0.5, 0.1, Kind.RATE),
    NORMALIZATION_GBS(
            "normalization_gbs", "GB/s", "vector units: normalization, softmax, reductions", 56, 0.5, 0.1, Kind.RATE),
    MOVEMENT_GBS("movement_gbs", "GB/s", "transposition, concatenation, slicing", 143, 0.5, 0.1, Kind.RATE),
    POOLING_GBS("pooling_gbs", "GB/s", "window positions of pooling", 400, 0.7, 0.05, Kind.RATE),
    RESIZE_GBS("resize_gbs", "GB/s", "interpolated output", 60, 0.7, 0.1, Kind.RATE),
    SELECTION_GBS("selection_gbs", "GB/s", "ArgMax, TopK", 30, 1, 0.1, Kind.RATE),
    DEPTHWISE_GBS("depthwise_gbs", "GB/s", "products of depthwise convolutions", 400, 1, 0.1, Kind.RATE),
    VECTOR_FLOAT("vector_float", "×", "vector work on FP16 beside as many bytes of integers", 1, 0.5, 0.3, Kind.RATIO),
    PIXEL_NS("pixel_ns", "ns", "per-channel (x − mean) / std on a picture, each pixel", 2.2, 0.4, 0.2, Kind.UNIT_TIME),
    RESIDENT_MB(
            "resident_mb",
            "MB",
            "a layer's input up to this size stays in 8 MB of VTCM; in proportion elsewhere",
            2,
            0.7,
            0.01,
            Kind.RATIO),
    SPILL_ADJACENT(
            "spill_adjacent",
            "×",
            "fraction of the excess that spills, input from the layer before",
            0.28,
            0.7,
            0.1,
            Kind.RATIO),
    SPILL_SKIPPED(
            "spill_skipped",
            "×",
            "fraction of the excess that spills, input from further back",
            0.75,
            0.4,
            0.1,
            Kind.RATIO);

    /// How a parameter changes where a whole chip runs faster, and where it has more units side by side.
    public enum Kind {
        /// What matrix and vector units do: grows with both.
        RATE,
        /// What goes over a bus: grows with speed.
        TRAFFIC,
        /// What is waited for, however many units there are.
        TIME,
        /// What units are busy with.
        UNIT_TIME,
        RATIO;

        /// The power of the chip's speed that it follows.
        public int exponent() {
            return switch (this) {
                case RATE, TRAFFIC -> 1;
                case TIME, UNIT_TIME -> -1;
                case RATIO -> 0;
            };
        }

        /// The power of the number of units that it follows.
        public int widthExponent() {
            return switch (this) {
                case RATE -> 1;
                case UNIT_TIME -> -1;
                case TRAFFIC, TIME, RATIO -> 0;
            };
        }
    }

    private final String key;
    private final String unit;
    private final String meaning;
    private final double centre;
    private final double spread;
    private final double between;
    private final Kind kind;

    Parameter(String key, String unit, String meaning, double centre, double spread, double between, Kind kind) {
        this.key = key;
        this.unit = unit;
        this.meaning = meaning;
        this.centre = centre;
        this.spread = spread;
        this.between = between;
        this.kind = kind;
    }

    /// The parameter that target files call `key`.
    public static Optional<Parameter> of(String key) {
        for (Parameter parameter : values()) {
            if (parameter.key.equals(key.toLowerCase(Locale.ROOT))) {
                return Optional.of(parameter);
            }
        }
        return Optional.empty();
    }

    public String key() {
        return key;
    }

    public String unit() {
        return unit;
    }

    public String meaning() {
        return meaning;
    }

    public double centre() {
        return centre;
    }

    public double spread() {
        return spread;
    }

    public double between() {
        return between;
    }

    public Kind kind() {
        return kind;
    }
}
