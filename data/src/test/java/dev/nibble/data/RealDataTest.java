package dev.nibble.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The data sets of the shared assets, read as their models want them.
class RealDataTest {
    private static final InputSpec CIFAR = new InputSpec("input", DataType.FLOAT, new long[] {-1, 3, 32, 32});
    private static final InputSpec KWS = new InputSpec("input", DataType.FLOAT, new long[] {-1, 1, 49, 10});
    private static final InputSpec IMAGENET = new InputSpec("input", DataType.FLOAT, new long[] {-1, 3, 224, 224});

    @Test
    void cifarBecomesNormalizedPlanesWithLabels() throws Exception {
        Path images = Shared.data("cifar10_test5k_images.npy");
        Path labels = Shared.data("cifar10_test5k_labels.npy");
        DataOptions options = DataOptions.NONE
                .withLabels(labels, null)
                .withLayout(Layout.NHWC)
                .withNormalization(null, List.of(123.675, 116.28, 103.53), List.of(58.395, 57.12, 57.375));
        byte[] raw = Files.readAllBytes(images);
        byte[] classes = Files.readAllBytes(labels);
        int header = raw.length - 5000 * 32 * 32 * 3;
        double[] mean = {123.675, 116.28, 103.53};
        double[] std = {58.395, 57.12, 57.375};
        try (DataSet set = DataSet.open(images, options, List.of(CIFAR));
                Batches batches = set.batches(64)) {
            assertEquals(5000, set.size());
            assertTrue(set.labelled());
            assertTrue(set.findings().isEmpty());
            long seen = 0;
            while (batches.hasNext()) {
                Batch batch = batches.next();
                Tensor tensor = batch.inputs().get("input");
                assertEquals(Shape.of(batch.size(), 3, 32, 32), tensor.shape());
                assertEquals(seen, batch.first());
                for (int row = 0; row < batch.size(); row++, seen++) {
                    assertEquals(
                            classes[(int) (128 + seen)], batch.labels().get(row).classIndex());
                    for (int c = 0; c < 3; c++) {
                        int y = (int) (seen % 32);
                        int from = header + (int) seen * 3072 + (y * 32 + 5) * 3 + c;
                        assertEquals(
                                (float) (((raw[from] & 0xFF) - mean[c]) / std[c]),
                                tensor.floatAt(row * 3072L + c * 1024 + y * 32 + 5));
                    }
                }
            }
            assertEquals(5000, seen);
        }
    }

    @Test
    void cifarWithoutLayoutSaysWhichOneToAdd() {
        Path images = Shared.data("cifar10_test5k_images.npy");
        NibbleException e =
                assertThrows(NibbleException.class, () -> DataSet.open(images, DataOptions.NONE, List.of(CIFAR)));
        assertTrue(e.getMessage().contains("32×32×3") && e.getMessage().contains("N×3×32×32"), e.getMessage());
        assertTrue(e.hint().contains("--layout nhwc"), e.hint());
    }

    @Test
    void keywordsGetTheirMissingAxisAndTheirScale() {
        Path path = Shared.data("kws01_mfcc_int8.npy");
        DataOptions options = DataOptions.NONE
                .withLabels(Shared.data("kws01_labels.npy"), null)
                .withNormalization(null, List.of(83.0), List.of(1 / 0.5847029));
        try (DataSet set = DataSet.open(path, options, List.of(KWS))) {
            assertEquals(1000, set.size());
            Tensor tensor = set.sample(7).get("input");
            assertEquals(Shape.of(1, 1, 49, 10), tensor.shape());
            Tensor stored = set.stored(7, "input");
            for (int i = 0; i < 490; i++) {
                // Dividing by 1/0.5847029 and multiplying by 0.5847029 differ by at most one unit in the last place.
                float expected = (float) ((stored.longAt(i) - 83) * 0.5847029);
                assertEquals(expected, tensor.floatAt(i), Math.ulp(expected));
            }
        }
    }

    @Test
    @Tag("slow")
    void imageNetPicturesComeInTheOrderOfTheirTable() {
        Path path = Shared.data("nips17_224.zip");
        DataOptions options = DataOptions.NONE.withNormalization(null, List.of(127.5), List.of(127.5));
        try (DataSet set = DataSet.open(path, options, List.of(IMAGENET));
                Batches batches = set.batches(8, new Doctor())) {
            assertEquals(1000, set.size());
            assertEquals("0000.jpg", set.name(0));
            assertEquals(305, set.label(0).orElseThrow().classIndex());
            assertEquals(883, set.label(1).orElseThrow().classIndex());
            long seen = 0;
            while (batches.hasNext()) {
                Batch batch = batches.next();
                Tensor tensor = batch.inputs().get("input");
                assertEquals(Shape.of(8, 3, 224, 224), tensor.shape());
                for (int i = 0; i < tensor.elements(); i += 997) {
                    assertTrue(Math.abs(tensor.floatAt(i)) <= 1);
                }
                seen += batch.size();
            }
            assertEquals(1000, seen);
            assertTrue(set.findings().isEmpty());
        }
    }

    @Test
    void aNamedColumnMustExist() {
        Path path = Shared.data("nips17_224.zip");
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> DataSet.open(path, DataOptions.NONE.withLabels(null, "imagenet_index"), List.of(IMAGENET)));
        assertTrue(e.hint().contains("did you mean 'imagenet_index_0_999'"), e.hint());
    }

    @Test
    void storiesStayWholeNumbersForAModelOfIds() {
        Path path = Shared.data("tinystories_400_ids.npy");
        InputSpec ids = new InputSpec("input_ids", DataType.INT64, new long[] {-1, -1});
        try (DataSet set = DataSet.open(path, DataOptions.NONE.withChoice(10L, 3L, 20L), List.of(ids))) {
            assertEquals(20, set.size());
            assertEquals("sample 13", set.name(1));
            Tensor tensor = set.sample(0).get("input_ids");
            assertEquals(DataType.INT64, tensor.type());
            assertEquals(1, tensor.longAt(0));
        }
    }
}
