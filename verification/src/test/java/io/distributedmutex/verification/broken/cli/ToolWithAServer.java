package io.distributedmutex.verification.broken.cli;

import io.distributedmutex.verification.broken.testkit.Server;

final class ToolWithAServer {
    Server server = new Server();
}
