package io.distributedmutex.cli.console;

import picocli.CommandLine.IVersionProvider;

/** The version out of the jar's manifest. */
public final class ToolVersion implements IVersionProvider {

    /** Made by the parser. */
    public ToolVersion() {}

    @Override
    public String[] getVersion() {
        String version = ToolVersion.class.getPackage().getImplementationVersion();
        return new String[] {
            "dmutex " + (version == null ? "(not from a jar)" : version) + ", Java " + Runtime.version()
        };
    }
}
