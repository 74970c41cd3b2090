import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

/**
 * Runs scripts of Flink SQL in a mini-cluster inside this process: java FlinkSql SCRIPT.sql...
 *
 * <p>Statements end with ';' at the end of a line; one that writes is waited for. SET 'key' = 'value' counts from where it
 * stands to the end of its script. Prints the seconds of each statement that writes, with the cluster's start and end.
 */
public class FlinkSql {
  private static final Pattern SET = Pattern.compile("SET\\s+'([^']+)'\\s*=\\s*'([^']*)'", Pattern.CASE_INSENSITIVE);

  public static void main(String[] scripts) throws Exception {
    for (String script : scripts) run(script);
    System.exit(0); // The cluster's threads would keep the process.
  }

  private static void run(String script) throws Exception {
    Configuration configuration = new Configuration();
    configuration.setString("rest.port", "0"); // Any free one.
    configuration.setString("parallelism.default", "1");
    configuration.setString("pekko.ask.timeout", "10 min"); // A busy machine is not a broken one.
    configuration.setString("heartbeat.timeout", "600000");
    TableEnvironment tables =
        TableEnvironment.create(
            EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build());
    String together = ""; // A statement set, as far as it was read.
    for (String statement : Files.readString(Path.of(script)).replaceAll("(?m)^\\s*--.*$", "").split(";[ \\t]*\\n")) {
      String sql = (together + statement).strip();
      if (sql.isEmpty()) continue;
      boolean whole = !sql.startsWith("EXECUTE STATEMENT SET") || sql.endsWith("END");
      together = whole ? "" : sql + ";\n";
      if (!whole) continue;
      Matcher set = SET.matcher(sql);
      if (set.matches()) {
        tables.getConfig().set(set.group(1), set.group(2));
        continue;
      }
      long start = System.nanoTime();
      TableResult result = tables.executeSql(sql);
      if (!sql.startsWith("INSERT") && !sql.startsWith("EXECUTE")) continue;
      result.await();
      System.out.printf("%s: %.2f s%n", Path.of(script).getFileName(), (System.nanoTime() - start) / 1e9);
    }
  }
}
