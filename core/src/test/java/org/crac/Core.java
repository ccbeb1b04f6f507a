package org.crac;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;

/** Where the context is found. As the real one, it does not keep those that it tells. */
public final class Core {

    private static final Set<Resource> RESOURCES =
            Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

    private static final Context<Resource> CONTEXT = new Context<>() {
        @Override
        public void register(Resource resource) {
            RESOURCES.add(resource);
        }

        @Override
        public void beforeCheckpoint(Context<? extends Resource> context) throws Exception {
            for (Resource resource : all()) {
                resource.beforeCheckpoint(this);
            }
        }

        @Override
        public void afterRestore(Context<? extends Resource> context) throws Exception {
            for (Resource resource : all()) {
                resource.afterRestore(this);
            }
        }

        private List<Resource> all() {
            synchronized (RESOURCES) {
                return new ArrayList<>(RESOURCES);
            }
        }
    };

    private Core() {}

    public static Context<Resource> getGlobalContext() {
        return CONTEXT;
    }

    /** For the test: as if a checkpoint was taken. */
    public static void checkpoint() throws Exception {
        CONTEXT.beforeCheckpoint(CONTEXT);
    }

    /** For the test: as if this were a process that goes on from the checkpoint. */
    public static void restore() throws Exception {
        CONTEXT.afterRestore(CONTEXT);
    }
}
