package dev.nibble.npu;
import dev.nibble.graph.*;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.npu.fuse.*;
import dev.nibble.npu.work.*;
import java.nio.file.*;
import java.util.*;
final class Scratch {
    public static void main(String[] a) throws Exception {
        StringBuilder sb = new StringBuilder("{");
        for (String dir : new String[] {"topologies", "holdout"}) {
            try (var s = Files.list(Path.of("/work/shared/npu/" + dir))) {
                for (Path p : s.filter(x -> x.toString().endsWith(".onnx")).sorted().toList()) {
                    Model m = ModelReader.read(p);
                    Flow f0 = ReadFlow.of(m.graph());
                    var r = FuseLayers.apply(f0, FusionRule.all());
                    Map<String,Integer> c = new TreeMap<>(), ms = new TreeMap<>(), t = new TreeMap<>();
                    r.matches().forEach(x -> c.merge(x.rule().name(), 1, Integer::sum));
                    r.nearMisses().forEach(x -> ms.merge(x.rule(), 1, Integer::sum));
                    r.flow().layers().forEach(x -> t.merge(x.type(), 1, Integer::sum));
                    System.err.println(p.getFileName() + " " + f0.layers().size() + " -> " + r.flow().layers().size() + " " + c + " miss " + ms + "\n    " + t);
                    if (sb.length() > 1) sb.append(",\n");
                    String n = p.getFileName().toString().replace(".onnx", "");
                    sb.append("\"").append(n).append("\":{\"holdout\":").append(dir.equals("holdout")).append(",\"layers\":[");
                    Flow f = r.flow(); int li = 0;
                    for (Layer l : f.layers()) {
                        if (li++ > 0) sb.append(",\n ");
                        sb.append("{\"name\":\"" + l.name() + "\",\"type\":\"" + l.type() + "\",\"whole\":" + l.whole() + ",\"in\":" + vals(f, l.inputs()) + ",\"out\":" + vals(f, l.outputs()) + ",\"nodes\":[");
                        int ni = 0;
                        for (Node nd : l.nodes()) {
                            if (ni++ > 0) sb.append(",");
                            List<String> ins = nd.inputs().stream().map(x -> f.aliases().getOrDefault(x, x)).toList();
                            sb.append("{\"type\":\"" + nd.opType() + "\",\"in\":" + vals(f, ins) + ",\"out\":" + vals(f, nd.outputs()) + ",\"group\":" + nd.intAttribute("group", 1) + ",\"kernel\":" + Arrays.toString(nd.intsAttribute("kernel_shape")) + ",\"strides\":" + Arrays.toString(nd.intsAttribute("strides")) + ",\"perm\":" + Arrays.toString(nd.intsAttribute("perm")) +",\"dil\":" + Arrays.toString(nd.intsAttribute("dilations")) + ",\"axis\":" + nd.intAttribute("axis", -99) + ",\"mode\":\""+nd.stringAttribute("mode","")+"\",\"transA\":"+nd.intAttribute("transA",0)+"}");
                        }
                        sb.append("]}");
                    }
                    sb.append("],\"outputs\":[" + String.join(",", f.outputs().stream().map(x -> "\"" + x + "\"").toList()) + "],\"inputs\":["+String.join(",", m.graph().feeds().stream().map(x->"\""+x.name()+"\"").toList())+"]}");
                }
            }
        }
        Files.writeString(Path.of("/tmp/npux/dump.json"), sb.append("}"));
    }
    static String vals(Flow f, List<String> names) {
        StringBuilder b = new StringBuilder("[");
        int i = 0;
        for (String n : names) {
            if (i++ > 0) b.append(",");
            if (n.isEmpty()) { b.append("null"); continue; }
            n = f.aliases().getOrDefault(n, n);
            var v = f.values().get(n);
            b.append("{\"n\":\"" + n + "\",\"s\":" + (v == null || v.shape() == null ? "null" : Arrays.toString(v.shape().dims())) + ",\"c\":" + (v != null && v.constant()) + ",\"a\":" + (v == null ? 0 : v.channelAxis()) + ",\"i\":" + (v != null && v.integer()) + "}");
        }
        return b.append("]").toString();
    }
}
