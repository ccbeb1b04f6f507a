package kotlin.coroutines;

/** In place of Kotlin's: the last parameter of a suspend function, as Java sees it. */
public interface Continuation<T> {}
