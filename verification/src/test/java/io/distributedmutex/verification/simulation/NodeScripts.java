package io.distributedmutex.verification.simulation;

import io.distributedmutex.redis.SimulatedDeployment.Failure;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.luaj.vm2.Globals;
import org.luaj.vm2.LuaClosure;
import org.luaj.vm2.LuaError;
import org.luaj.vm2.LuaString;
import org.luaj.vm2.LuaTable;
import org.luaj.vm2.LuaValue;
import org.luaj.vm2.Prototype;
import org.luaj.vm2.Varargs;
import org.luaj.vm2.compiler.LuaC;
import org.luaj.vm2.lib.VarArgFunction;
import org.luaj.vm2.lib.jse.JsePlatform;

/** Runs the store's Lua scripts as a Redis node does: their text, with the node's own commands. Not thread-safe. */
final class NodeScripts {

    /** Compiled once for all lives. */
    private static final Map<String, Prototype> COMPILED = new ConcurrentHashMap<>();

    /** What a command of a script came to. */
    private static final class Raised extends LuaError {
        private static final long serialVersionUID = 1L;
        private final transient LuaTable error;

        Raised(LuaTable error) {
            super(error);
            this.error = error;
        }
    }

    private final Globals globals = JsePlatform.standardGlobals();
    private final Map<String, LuaClosure> loaded = new HashMap<>();
    private Function<List<String>, @Nullable Object> commands = words -> null;

    NodeScripts() {
        LuaTable redis = new LuaTable();
        redis.set("call", new Command(true));
        redis.set("pcall", new Command(false));
        globals.set("redis", redis);
        // The library's own knows no precision.
        globals.get("string").set("format", new VarArgFunction() {
            @Override
            public Varargs invoke(Varargs arguments) {
                return format(arguments);
            }
        });
    }

    private static LuaValue format(Varargs arguments) {
        String pattern = arguments.checkjstring(1).replace("%d", "%.0f");
        Object[] numbers = new Object[arguments.narg() - 1];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = arguments.checkdouble(i + 2);
        }
        return LuaValue.valueOf(String.format(Locale.ROOT, pattern, numbers));
    }

    /**
     * Runs a script.
     *
     * @param text the script
     * @param keys KEYS
     * @param arguments ARGV
     * @param callable what redis.call does
     * @return the reply
     */
    @Nullable
    Object run(
            String text, List<String> keys, List<String> arguments, Function<List<String>, @Nullable Object> callable) {
        commands = callable;
        globals.set("KEYS", table(keys));
        globals.set("ARGV", table(arguments));
        try {
            return reply(loaded.computeIfAbsent(text, this::load).call());
        } catch (Raised e) {
            return new Failure(e.error.get("err").tojstring());
        } catch (LuaError e) {
            return new Failure("ERR in the script: " + e.getMessage());
        }
    }

    private LuaClosure load(String text) {
        return new LuaClosure(COMPILED.computeIfAbsent(text, NodeScripts::compiled), globals);
    }

    private static Prototype compiled(String text) {
        try {
            return LuaC.instance.compile(
                    new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1)), "script");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static LuaTable table(List<String> texts) {
        LuaTable table = new LuaTable();
        for (int i = 0; i < texts.size(); i++) {
            table.set(i + 1, text(texts.get(i)));
        }
        return table;
    }

    private static LuaString text(String text) {
        return LuaString.valueOf(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static String text(LuaValue value) {
        if (value.isnumber() && value.type() == LuaValue.TNUMBER) {
            double number = value.todouble();
            return number == Math.rint(number) ? Long.toString((long) number) : Double.toString(number);
        }
        LuaString string = value.checkstring();
        return new String(string.m_bytes, string.m_offset, string.m_length, StandardCharsets.ISO_8859_1);
    }

    private static LuaValue value(@Nullable Object reply) {
        if (reply == null) {
            return LuaValue.FALSE;
        }
        if (reply instanceof Long number) {
            return LuaValue.valueOf((double) number);
        }
        if (reply instanceof Failure failure) {
            LuaTable table = new LuaTable();
            table.set("err", text(failure.text()));
            return table;
        }
        if (reply instanceof List<?> list) {
            LuaTable table = new LuaTable();
            for (int i = 0; i < list.size(); i++) {
                table.set(i + 1, value(list.get(i)));
            }
            return table;
        }
        return text((String) reply);
    }

    private static @Nullable Object reply(LuaValue value) {
        if (value.isnil() || (value.isboolean() && !value.toboolean())) {
            return null;
        }
        if (value.isboolean()) {
            return 1L;
        }
        if (value.type() == LuaValue.TNUMBER) {
            return (long) value.todouble();
        }
        if (value instanceof LuaTable table) {
            if (!table.get("err").isnil()) {
                return new Failure(table.get("err").tojstring());
            }
            List<@Nullable Object> list = new ArrayList<>();
            for (int i = 1; !table.get(i).isnil(); i++) {
                list.add(reply(table.get(i)));
            }
            return list;
        }
        return text(value);
    }

    private final class Command extends VarArgFunction {

        private final boolean raises;

        Command(boolean raises) {
            this.raises = raises;
        }

        @Override
        public Varargs invoke(Varargs arguments) {
            List<String> words = new ArrayList<>();
            for (int i = 1; i <= arguments.narg(); i++) {
                words.add(text(arguments.arg(i)));
            }
            LuaValue result = value(commands.apply(words));
            if (raises && result instanceof LuaTable table && !table.get("err").isnil()) {
                throw new Raised(table);
            }
            return result;
        }
    }
}
