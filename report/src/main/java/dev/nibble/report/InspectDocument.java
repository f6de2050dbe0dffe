package dev.nibble.report;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The outcome of `inspect`.
///
/// @param ops operator type → number of nodes, most frequent first
/// @param parameters elements of all weights
/// @param macs multiply-accumulates for one sample; absent where shapes are not known
/// @param irVersion of the file
/// @param producer name and version
/// @param domains domain → version, the default domain as `ai.onnx`
/// @param weights error of each weight by width and granularity, with `--weights`; else empty
public record InspectDocument(
        int schemaVersion,
        String nibble,
        ModelInfo model,
        Map<String, Long> ops,
        long parameters,
        @Nullable Long macs,
        int opset,
        int irVersion,
        @Nullable String producer,
        Map<String, Long> domains,
        List<Port> inputs,
        List<Port> outputs,
        List<Weight> weights,
        List<Finding> findings)
        implements Document {
    public InspectDocument {
        Values.present("nibble", nibble);
        Values.present("model", model);
        Values.nonNegative("parameters", parameters);
        ops = Values.map(ops);
        domains = Values.sorted(domains);
        inputs = Values.list(inputs);
        outputs = Values.list(outputs);
        weights = Values.list(weights);
        findings = Values.list(findings);
    }

    /// An input or output. @param shape sizes as numbers, symbolic ones by name (`N`), unknown ones as `?`
    public record Port(String name, String type, List<String> shape) {
        public Port {
            Values.present("name", name);
            Values.present("type", type);
            shape = Values.list(shape);
        }
    }

    /// A weight. @param op operator that uses it
    public record Weight(String name, @Nullable String op, List<Long> shape, List<WeightError> errors) {
        public Weight {
            Values.present("weights[].name", name);
            shape = Values.list(shape);
            errors = Values.list(errors);
        }
    }

    /// The error of a weight stored so.
    ///
    /// @param granularity `tensor`, `channel`, `block:128`, `block:32`
    public record WeightError(
            int bits,
            String granularity,
            @Nullable Double mse,
            @Nullable Double sqnrDb) {
        public WeightError {
            Values.present("granularity", granularity);
            mse = Values.finite(mse);
            sqnrDb = Values.decibels(sqnrDb);
        }
    }
}
