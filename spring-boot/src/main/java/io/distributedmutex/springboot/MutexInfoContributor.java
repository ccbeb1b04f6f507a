package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.boot.actuate.info.Info;
import org.springframework.boot.actuate.info.InfoContributor;

/** Under which name this instance holds locks, and the library's version where its jar says it. */
final class MutexInfoContributor implements InfoContributor {

    private final DistributedMutex mutex;

    MutexInfoContributor(DistributedMutex mutex) {
        this.mutex = mutex;
    }

    @Override
    public void contribute(Info.Builder builder) {
        Map<String, Object> details = new LinkedHashMap<>();
        details.put("holder", mutex.status().holderLabel());
        String version = DistributedMutex.class.getPackage().getImplementationVersion();
        if (version != null) {
            details.put("version", version);
        }
        builder.withDetail("distributedMutex", details);
    }
}
