package io.distributedmutex.verification.broken.cli;

import io.distributedmutex.verification.broken.lab.Demo;

final class ToolWithADemo {
    Demo demo = new Demo();
}
