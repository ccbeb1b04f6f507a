package io.distributedmutex.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** Dashboard, alert rules and their page speak of the metrics that there are, and of all of them. */
class DashboardTest {

    private static final Path DOCS = Path.of("").toAbsolutePath().getParent().resolve("docs");

    private static final Pattern METRIC = Pattern.compile("\\bdistributed_mutex_\\w+");
    /** A metric with what selects its series. */
    private static final Pattern SELECTION = Pattern.compile("\\b(distributed_mutex_\\w+)\\{([^}]*)}");

    private static final Pattern MATCHER = Pattern.compile("(\\w+)(=~|!~|!=|=)\"([^\"]*)\"");
    private static final Pattern GROUPING = Pattern.compile("\\b(by|without) \\(([^)]*)\\)");
    private static final Pattern SAMPLE = Pattern.compile("(?m)^(distributed_mutex_\\w+)(?:\\{(.*)})? ");

    /** What Prometheus adds to each series. */
    private static final Set<String> ADDED_LABELS = Set.of("job", "instance");

    /** Each metric that a registry with all meters has, with its labels and their values. */
    private final Map<String, Map<String, Set<String>>> metrics = metrics();

    @Test
    void everyQueryOfTheDashboardFitsTheMetersAndNoMeterIsMissing() throws IOException {
        List<String> queries = new ArrayList<>();
        Object dashboard = read(DOCS.resolve("metrics/grafana-dashboard.json"));
        collect(dashboard, Set.of("expr", "definition"), queries);
        assertThat(queries).hasSizeGreaterThan(20);
        assertThat(queries)
                .allSatisfy(query -> assertThat(problems(query)).as(query).isEmpty());
        assertThat(mentioned(String.join("\n", queries)))
                .as("what the dashboard shows")
                .containsExactlyInAnyOrderElementsOf(metrics.keySet());
    }

    @Test
    void panelsHaveTheirOwnIdsAndDoNotCoverEachOther() throws IOException {
        Map<String, Object> dashboard = map(read(DOCS.resolve("metrics/grafana-dashboard.json")));
        Set<Object> ids = new HashSet<>();
        Set<String> cells = new HashSet<>();
        for (Object each : (List<?>) dashboard.get("panels")) {
            Map<String, Object> panel = map(each);
            assertThat(ids.add(panel.get("id")))
                    .as("id of %s", panel.get("title"))
                    .isTrue();
            Map<String, Object> grid = map(panel.get("gridPos"));
            for (int x = (int) grid.get("x"); x < (int) grid.get("x") + (int) grid.get("w"); x++) {
                for (int y = (int) grid.get("y"); y < (int) grid.get("y") + (int) grid.get("h"); y++) {
                    assertThat(x).isBetween(0, 23);
                    assertThat(cells.add(x + "," + y))
                            .as("%s covers another", panel.get("title"))
                            .isTrue();
                }
            }
        }
    }

    @Test
    void everyAlertFitsTheMetersAndThePageSaysWhatToDo() throws IOException {
        String page = Files.readString(DOCS.resolve("metrics.md"));
        List<Map<String, Object>> alerts = alerts();
        assertThat(alerts).hasSizeGreaterThan(5);
        Set<Object> names = new HashSet<>();
        for (Map<String, Object> alert : alerts) {
            String name = (String) alert.get("alert");
            assertThat(names.add(name)).as("%s is there once", name).isTrue();
            assertThat(problems((String) alert.get("expr"))).as(name).isEmpty();
            assertThat(map(alert.get("labels"))).as(name).containsOnlyKeys("severity");
            Map<String, Object> annotations = map(alert.get("annotations"));
            assertThat(annotations).as(name).containsOnlyKeys("summary", "description", "runbook");
            assertThat(annotations.get("runbook"))
                    .as(name)
                    .isEqualTo("docs/metrics.md#" + name.toLowerCase(Locale.ROOT));
            assertThat(page).as("heading of %s", name).contains("\n### " + name + "\n");
        }
        assertThat(Pattern.compile("(?m)^### (DistributedMutex\\w+)$")
                        .matcher(page)
                        .results()
                        .map(heading -> heading.group(1)))
                .as("the page has no other alerts")
                .hasSameSizeAs(alerts);
    }

    @Test
    void thePageListsAllMetersAndNoOthers() throws IOException {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        MutexMetrics.create(registry).timed(new InMemoryLockStore());
        Set<String> meters = new TreeSet<>();
        registry.getMeters().forEach(meter -> meters.add(meter.getId().getName()));
        Set<String> listed = new TreeSet<>();
        Pattern.compile("(?m)^\\| `(distributed\\.mutex\\.[a-z.]+)` \\| (?:timer|counter|gauge)")
                .matcher(Files.readString(DOCS.resolve("metrics.md")))
                .results()
                .forEach(row -> listed.add(row.group(1)));
        assertThat(listed).isEqualTo(meters);
        for (String metric : mentioned(Files.readString(DOCS.resolve("metrics.md")))) {
            assertThat(metrics).as("named in metrics.md").containsKey(metric);
        }
    }

    @Test
    void whatDoesNotFitTheMetersIsFound() {
        assertThat(problems("sum(distributed_mutex_held{job=~\"x\"})")).isEmpty();
        assertThat(problems("distributed_mutex_holding")).containsExactly("no metric distributed_mutex_holding");
        assertThat(problems("distributed_mutex_held{name=\"x\"}"))
                .containsExactly("distributed_mutex_held has no label name");
        assertThat(problems("distributed_mutex_lost_total{reason=\"forgotten\"}"))
                .containsExactly("distributed_mutex_lost_total has no reason forgotten");
        assertThat(problems("distributed_mutex_acquire_seconds_count{outcome=~\"refused|broken\"}"))
                .containsExactly("distributed_mutex_acquire_seconds_count has no outcome broken");
        assertThat(problems("sum by (reason) (distributed_mutex_at_risk_total)"))
                .containsExactly("no metric of distributed_mutex_at_risk_total has the label reason");
    }

    // ---- what there is

    private static Map<String, Map<String, Set<String>>> metrics() {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        MutexMetrics.create(registry).timed(new InMemoryLockStore());
        Map<String, Map<String, Set<String>>> found = new HashMap<>();
        for (MatchResult sample : SAMPLE.matcher(registry.scrape()).results().toList()) {
            Map<String, Set<String>> labels = found.computeIfAbsent(sample.group(1), metric -> new HashMap<>());
            if (sample.group(2) != null) {
                for (MatchResult label :
                        MATCHER.matcher(sample.group(2)).results().toList()) {
                    labels.computeIfAbsent(label.group(1), key -> new TreeSet<>())
                            .add(label.group(3));
                }
            }
        }
        assertThat(found).hasSizeGreaterThan(10);
        return found;
    }

    // ---- what is said

    private static Set<String> mentioned(String text) {
        Set<String> names = new TreeSet<>();
        METRIC.matcher(text).results().forEach(name -> names.add(name.group()));
        return names;
    }

    private List<String> problems(String query) {
        List<String> problems = new ArrayList<>();
        Set<String> mentioned = mentioned(query);
        mentioned.stream()
                .filter(metric -> !metrics.containsKey(metric))
                .forEach(metric -> problems.add("no metric " + metric));
        if (!problems.isEmpty()) {
            return problems;
        }
        for (MatchResult selection : SELECTION.matcher(query).results().toList()) {
            Map<String, Set<String>> labels = metrics.get(selection.group(1));
            Matcher matcher = MATCHER.matcher(selection.group(2));
            while (matcher.find()) {
                String label = matcher.group(1);
                if (ADDED_LABELS.contains(label)) {
                    continue;
                }
                if (!labels.containsKey(label)) {
                    problems.add(selection.group(1) + " has no label " + label);
                } else if (!label.equals("name")) {
                    for (String value : matcher.group(3).split("\\|")) {
                        if (!labels.get(label).contains(value)) {
                            problems.add(selection.group(1) + " has no " + label + " " + value);
                        }
                    }
                }
            }
        }
        for (MatchResult grouping : GROUPING.matcher(query).results().toList()) {
            for (String label : grouping.group(2).split(", *")) {
                if (!ADDED_LABELS.contains(label)
                        && mentioned.stream()
                                .noneMatch(metric -> metrics.get(metric).containsKey(label))) {
                    problems.add("no metric of " + String.join(", ", mentioned) + " has the label " + label);
                }
            }
        }
        return problems;
    }

    /** JSON is YAML too. */
    private static Object read(Path file) throws IOException {
        return new Yaml().load(Files.readString(file));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(Object node) {
        return (Map<String, Object>) node;
    }

    private static List<Map<String, Object>> alerts() throws IOException {
        List<Map<String, Object>> alerts = new ArrayList<>();
        for (Object group :
                (List<?>) map(read(DOCS.resolve("metrics/alerts.yaml"))).get("groups")) {
            for (Object rule : (List<?>) map(group).get("rules")) {
                alerts.add(map(rule));
            }
        }
        return alerts;
    }

    private static void collect(Object tree, Set<String> keys, List<String> found) {
        if (tree instanceof Map<?, ?> map) {
            map.forEach((key, value) -> {
                if (keys.contains(key) && value instanceof String text) {
                    found.add(text);
                }
                collect(value, keys, found);
            });
        } else if (tree instanceof List<?> list) {
            list.forEach(each -> collect(each, keys, found));
        }
    }
}
