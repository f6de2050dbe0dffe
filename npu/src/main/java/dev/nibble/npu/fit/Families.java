package dev.nibble.npu.fit;

import java.util.List;

/// Which models are variations of one another, told from their names: a prediction for one is no proof while another
/// of its family is in the fit.
public final class Families {
    /// A beginning of a name, and the family it stands for; the first that fits counts.
    private record Beginning(String name, String family) {}

    private static final List<Beginning> BEGINNINGS = List.of(
            new Beginning("resnet_2plus1d", "video"),
            new Beginning("resnet_mixed", "video"),
            new Beginning("resnet_3d", "video"),
            new Beginning("resnet", "resnet"),
            new Beginning("resnext", "resnet"),
            new Beginning("wideresnet", "resnet"),
            new Beginning("fcn_resnet", "resnet"),
            new Beginning("mobilenet", "mobilenet"),
            new Beginning("mnasnet", "mobilenet"),
            new Beginning("deeplabv3_plus_mobilenet", "mobilenet"),
            new Beginning("efficientnet", "efficientnet"),
            new Beginning("ffnet", "ffnet"),
            new Beginning("bert", "bert"),
            new Beginning("distil_bert", "bert"),
            new Beginning("electra", "bert"),
            new Beginning("quicksrnet", "quicksrnet"),
            new Beginning("vit", "vit"),
            new Beginning("openai_clip", "vit"),
            new Beginning("whisper", "whisper"),
            new Beginning("regnet", "regnet"),
            new Beginning("convnext", "convnext"),
            new Beginning("inception", "inception"),
            new Beginning("googlenet", "inception"),
            new Beginning("densenet", "densenet"),
            new Beginning("yolo", "yolo"));

    private Families() {}

    /// The family of `topology`; the name itself where none is known.
    public static String of(String topology) {
        for (Beginning beginning : BEGINNINGS) {
            if (topology.startsWith(beginning.name())) {
                return beginning.family();
            }
        }
        return topology;
    }
}
