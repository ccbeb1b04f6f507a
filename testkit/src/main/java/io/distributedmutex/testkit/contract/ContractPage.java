package io.distributedmutex.testkit.contract;

/**
 * The first of the pages of the {@link LockStoreContract}, each of which has the tests of one thing that a store does.
 *
 * <p>Each page extends the next, and the contract the first of them, for no deeper reason than this: so a store's test
 * is one class, whose tests have names of their own and can be run alone (JUnit's nested classes cannot, by Maven), and
 * do not become public API (default methods of interfaces would).
 */
abstract class ContractPage {

    ContractPage() {}

    /** What the tests act with. */
    abstract LockStoreContract contract();
}
