package io.distributedmutex.lab.demo;

/** What is checked of a demo. */
enum Check {
    EXCLUSION("no two holders of a key at once"),
    TOKENS("fencing tokens rise with every lease"),
    UPDATES("no update of the shared file is lost"),
    JOBS("every job is done exactly once"),
    TAKE_OVER("a killed holder's lock is taken over"),
    WORKERS("no worker failed");

    private final String text;

    Check(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
