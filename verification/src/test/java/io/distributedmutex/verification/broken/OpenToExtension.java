package io.distributedmutex.verification.broken;

/** Neither final nor anything else that closes it. */
public class OpenToExtension {}
