package io.distributedmutex.testkit.contract;

/**
 * The first page of the {@link LockStoreContract}. Each page has the tests of one thing that a store does.
 *
 * <p>Each page extends another, and the contract extends the last, so that a store's test is one class. Its tests then have
 * names of their own, can be run alone (Maven cannot do that with JUnit's nested classes), and are not public API (default
 * methods of interfaces would be).
 */
abstract class ContractPage {

    ContractPage() {}

    /** What the tests act with. */
    abstract LockStoreContract contract();
}
