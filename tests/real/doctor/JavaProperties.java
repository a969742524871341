import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Properties;
import java.util.TreeMap;

/** Reads each line of a file, in hexadecimal, as a file of properties, and writes what Java finds in it. */
class JavaProperties {
    public static void main(String[] arguments) throws Exception {
        StringBuilder told = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            Properties read = new Properties();
            try {
                read.load(new ByteArrayInputStream(HexFormat.of().parseHex(line)));
                for (var entry : new TreeMap<Object, Object>(read).entrySet()) {
                    told.append(hex(entry.getKey())).append('=').append(hex(entry.getValue())).append(' ');
                }
            } catch (IllegalArgumentException error) {
                told.append("malformed");
            }
            told.append('\n');
        }
        System.out.print(told);
    }

    private static String hex(Object text) {
        return HexFormat.of().formatHex(text.toString().getBytes(StandardCharsets.UTF_8));
    }
}
