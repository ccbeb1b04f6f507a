package io.distributedmutex.lab;

import io.distributedmutex.lab.chaos.ChaosCommand;
import io.distributedmutex.lab.demo.DemoCommand;
import java.io.PrintWriter;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Model.UsageMessageSpec;

/** The entry of {@code ./dmutex}: the tool, with demo and chaos. */
public final class Main {

    private static final String[] EXAMPLES = {
        "  dmutex demo                                  see it work, with nothing to install",
        "  dmutex chaos                                 attack it, and check what it promises"
    };

    private Main() {}

    /**
     * Runs the tool and ends the process with its exit code.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        io.distributedmutex.cli.Main.run(Main::commandLine, arguments);
    }

    /** The tool with its streams; a test gives its own. */
    static CommandLine commandLine(PrintWriter out, PrintWriter err) {
        CommandLine tool =
                io.distributedmutex.cli.Main.commandLine(out, err, List.of(new DemoCommand(), new ChaosCommand()));
        UsageMessageSpec usage = tool.getCommandSpec().usageMessage();
        usage.footer(Stream.of(EXAMPLES, usage.footer()).flatMap(Stream::of).toArray(String[]::new));
        return tool;
    }
}
