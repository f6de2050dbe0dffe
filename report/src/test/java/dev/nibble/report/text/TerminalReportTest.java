package dev.nibble.report.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.report.CompareDocument;
import dev.nibble.report.EvaluateDocument;
import dev.nibble.report.FileRecord;
import dev.nibble.report.InspectDocument;
import dev.nibble.report.Interval;
import dev.nibble.report.ModelInfo;
import dev.nibble.report.PassRecord;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.SampleDocuments;
import dev.nibble.report.SimplifyDocument;
import dev.nibble.report.Skipped;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TerminalReportTest {
    private static final ModelInfo MODEL = new ModelInfo("m.onnx", SampleDocuments.HASH, 13, 1000L, 4_231_976L, null);

    @Test
    void aTableIsAlignedAndNumbersStandToTheRight() {
        String table = TextTable.of("layer", ">SQNR")
                .row("conv_1", "7.1 dB")
                .row("画像/conv", "38.2 dB")
                .render(TerminalStyle.PLAIN);
        assertEquals("""
                  layer         SQNR
                  conv_1      7.1 dB
                  画像/conv  38.2 dB
                """, table);
    }

    @Test
    void longNamesLoseTheirMiddleAndNumbersNothing() {
        String table = TextTable.of("tensor", ">scale")
                .row("model/encoder/layer.11/attention/output/dense/MatMul_output_0", "0.02353")
                .render(new TerminalStyle(40, false, true));
        assertEquals("""
                  tensor                           scale
                  model/enc…nse/MatMul_output_0  0.02353
                """, table);
        assertTrue(table.lines().allMatch(l -> l.length() <= 40));
    }

    @Test
    void noLineIsWiderThanTheTerminal() {
        for (int width : new int[] {90, 100, 200}) {
            TerminalStyle style = new TerminalStyle(width, false, true);
            for (ResultDocument document : List.of(SampleDocuments.degraded(), SampleDocuments.unlabelled())) {
                TerminalReport.of(document, style, true)
                        .lines()
                        .filter(l -> !l.strip().startsWith("nibble ")) // a command is never broken
                        .filter(l -> !l.contains(SampleDocuments.HASH.substring(50)))
                        .forEach(l -> assertTrue(DisplayWidth.of(l) <= width, () -> width + ": " + l));
            }
        }
    }

    @Test
    void theVerdictIsTheFirstLineAndTheWorstTenFollow() {
        String text = TerminalReport.of(SampleDocuments.collapsed(), TerminalStyle.PLAIN, false);
        assertTrue(text.startsWith("W4A8 is at chance level: 0.14 % against 80.29 % float"), text);
        assertTrue(text.contains("error Q001: The quantized model is at chance level.\n  fix: Start from W8A8;"), text);
        assertTrue(text.contains("Worst layers  10 of 84 rows, --all shows the rest"), text);
        assertTrue(text.contains("top-1 accuracy"), text);
        assertTrue(text.contains("21.6 s in all: load 42 ms, calibrate 6.27 s") || text.contains("load 41 ms"), text);
        assertFalse(TerminalReport.of(SampleDocuments.collapsed(), TerminalStyle.PLAIN, true)
                .contains("--all"));
    }

    @Test
    void worstLayersComeFirst() {
        String text = TerminalReport.of(SampleDocuments.degraded(), TerminalStyle.PLAIN, true);
        List<Double> decibels = text.lines()
                .dropWhile(l -> !l.startsWith("Worst layers"))
                .skip(2)
                .takeWhile(l -> !l.isBlank())
                .map(l -> Double.valueOf(l.strip().split("\\s+")[2].replace('−', '-')))
                .toList();
        assertEquals(84, decibels.size());
        assertEquals(decibels.stream().sorted().toList(), decibels);
    }

    @Test
    void coloursAndSignsAreAChoice() {
        ResultDocument document = SampleDocuments.degraded();
        String plain = TerminalReport.of(document, TerminalStyle.PLAIN, false);
        assertFalse(plain.contains("\u001b"));
        String colored = TerminalReport.of(document, new TerminalStyle(100, true, true), false);
        assertTrue(colored.contains("\u001b[33m"));
        assertEquals(plain, colored.replaceAll("\u001b\\[[0-9;]*m", ""));
        String ascii = TerminalReport.of(document, new TerminalStyle(100, false, false), false);
        assertTrue(ascii.chars().allMatch(c -> c < 128), ascii);
    }

    @Test
    void namesCannotSteerTheTerminal() {
        String text = TerminalReport.of(SampleDocuments.hostile(), TerminalStyle.PLAIN, true);
        assertTrue(text.codePoints()
                .noneMatch(c -> c != '\n' && (Character.isISOControl(c) || c == 0x202e || c == 0x2028)));
    }

    @Test
    void evaluateShowsTheDifferenceWithItsInterval() {
        EvaluateDocument document = new EvaluateDocument(
                1,
                "0.1.0",
                MODEL,
                "top1",
                0.917,
                5000,
                new Interval(-0.0021, 0.0015),
                0.9173,
                -0.0003,
                null,
                "cpu",
                "off",
                List.of(),
                null,
                List.of(),
                null);
        assertEquals("""
                  metric            value  reference    difference  95 % interval  samples
                  top-1 accuracy  91.70 %    91.73 %  −0.03 points  −0.21 … +0.15    5,000

                m.onnx, on cpu, graph optimization off
                """, TerminalReport.of(document, TerminalStyle.PLAIN));
    }

    @Test
    void whatRanOnTheHtpStandsBesideTheCpu() {
        EvaluateDocument document = new EvaluateDocument(
                1,
                "0.1.0",
                MODEL,
                "top1",
                0.9140,
                500,
                new Interval(-0.0121, 0.0055),
                0.9173,
                -0.0033,
                null,
                "htp",
                "htp",
                List.of(
                        new EvaluateDocument.Entry("sqnrDb", 31.5, 500, null, null, null, "htp"),
                        new EvaluateDocument.Entry("htpToCpu.sqnrDb", 35.8, 500, null, null, null, "htp"),
                        new EvaluateDocument.Entry("top1", 0.9160, 500, null, 0.9173, -0.0013, "off"),
                        new EvaluateDocument.Entry("sqnrDb", 33.25, 500, null, null, null, "off")),
                null,
                List.of(),
                null);
        assertEquals("""
                  metric            reference  on the CPU  on the HTP  HTP − reference  95 % interval  samples
                  top-1 accuracy      91.73 %     91.60 %     91.40 %     −0.33 points  −1.21 … +0.55      500
                  SQNR                      –     33.3 dB     31.5 dB                –              –      500
                  SQNR, HTP to CPU          –           –     35.8 dB                –              –      500

                m.onnx, on the HTP's emulator; on the CPU graph optimization is off
                """, TerminalReport.of(document, TerminalStyle.PLAIN));
    }

    @Test
    void compareKeepsTheDocumentsOrder() {
        CompareDocument document = new CompareDocument(
                1,
                "0.1.0",
                MODEL,
                MODEL,
                20,
                30.04,
                0.9995,
                List.of(
                        new CompareDocument.Row("b", "Conv", 12.0, 30.0, 0.95, null, null, null),
                        new CompareDocument.Row("a", null, 20.0, null, null, null, null, null)),
                List.of(),
                List.of());
        assertEquals("""
                Output SQNR 30.0 dB, cosine 0.99950 over 20 samples

                Worst tensors
                  tensor  op    graph-wise  layer-wise  cosine
                  b       Conv     12.0 dB     30.0 dB  0.9500
                  a                20.0 dB           –       –
                """, TerminalReport.of(document, TerminalStyle.PLAIN, false));
    }

    @Test
    void inspectListsOperatorsByNumberAndWeightsByError() {
        InspectDocument document = new InspectDocument(
                1,
                "0.1.0",
                MODEL,
                Map.of("Relu", 2L, "Conv", 5L),
                4_231_976,
                569_000_000L,
                13,
                8,
                "pytorch 2.1",
                Map.of("ai.onnx", 13L),
                List.of(new InspectDocument.Port("x", "float32", List.of("N", "3", "224", "224"))),
                List.of(),
                List.of(
                        new InspectDocument.Weight(
                                "good",
                                "Conv",
                                List.of(8L, 3L),
                                List.of(new InspectDocument.WeightError(4, "channel", 1e-4, 22.0))),
                        new InspectDocument.Weight(
                                "bad",
                                "Conv",
                                List.of(8L, 3L),
                                List.of(new InspectDocument.WeightError(4, "channel", 1e-3, 9.0)))),
                List.of());
        assertEquals("""
                m.onnx: opset 13, IR 8, 4.23 M parameters, 569 M MACs, by pytorch 2.1

                Inputs and outputs
                         name  type     shape
                  input  x     float32  [N, 3, 224, 224]

                Operators
                  op    nodes
                  Conv      5
                  Relu      2

                Weights: SQNR in dB by width and granularity
                  weight  shape  W4 channel
                  bad       8×3         9.0
                  good      8×3        22.0
                """, TerminalReport.of(document, TerminalStyle.PLAIN, false));
    }

    @Test
    void simplifySaysWhatEachPassDidAndWhyNot() {
        SimplifyDocument document = new SimplifyDocument(
                1,
                "0.1.0",
                MODEL,
                new FileRecord("s.onnx", "0", 900),
                17,
                12,
                9,
                List.of(new PassRecord(
                        "FoldBatchNorm",
                        List.of("bn1 into conv1"),
                        List.of(new Skipped("bn2", "BatchNormalization", "its input is a graph output")))),
                0.0,
                Map.of(),
                List.of());
        assertEquals("""
                s.onnx: 12 → 9 nodes, opset 13 → 17, 900 B

                Largest difference between both files' outputs: 0

                FoldBatchNorm  1 change, 1 left alone
                  + bn1 into conv1
                  - bn2: its input is a graph output
                """, TerminalReport.of(document, TerminalStyle.PLAIN, false));
    }

    @Test
    void aRowOfTheWrongLengthIsRefused() {
        assertThrows(
                IllegalArgumentException.class, () -> TextTable.of("a", "b").row("1"));
    }
}
