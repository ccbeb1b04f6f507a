package io.distributedmutex.spring;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.asm.ClassReader;
import org.springframework.asm.ClassVisitor;
import org.springframework.asm.Handle;
import org.springframework.asm.Label;
import org.springframework.asm.MethodVisitor;
import org.springframework.asm.Opcodes;
import org.springframework.asm.SpringAsmInfo;
import org.springframework.asm.Type;
import org.springframework.util.ClassUtils;

/**
 * Finds where a class calls an annotated method of its own on {@code this}: such a call does not go through the bean. It follows
 * through each method which values on the stack are {@code this}. Calls on another object of the class are none, nor are those in
 * a method that is annotated itself: it may rely on its own lease.
 */
final class SelfCalls extends ClassVisitor {

    /** A call that nothing locks. */
    record SelfCall(LockedMethod called, String caller) {}

    private final String owner;
    private final Map<String, LockedMethod> locked = new HashMap<>();
    private final Set<String> lockedNames = new HashSet<>();
    private final List<SelfCall> found = new ArrayList<>();

    private SelfCalls(Class<?> type, List<LockedMethod> methods) {
        super(SpringAsmInfo.ASM_VERSION);
        this.owner = Type.getInternalName(type);
        for (LockedMethod each : methods) {
            Method method = each.method();
            locked.put(method.getName() + Type.getMethodDescriptor(method), each);
            lockedNames.add(method.getName());
        }
    }

    /**
     * The calls in a class itself, not in its superclasses.
     *
     * @return empty also if there is no class file, as in a native image, or none that Spring can read
     */
    static List<SelfCall> in(Class<?> type, List<LockedMethod> methods) {
        SelfCalls calls = new SelfCalls(type, methods);
        try (InputStream file = type.getResourceAsStream(ClassUtils.getClassFileName(type))) {
            if (file != null) {
                new ClassReader(file).accept(calls, ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
            }
        } catch (IOException | IllegalArgumentException e) {
            // Nothing is known of it; a newer class file than Spring's reader knows is an IllegalArgumentException.
            return List.of();
        }
        return List.copyOf(calls.found);
    }

    @Override
    public @Nullable MethodVisitor visitMethod(
            int access, String name, String descriptor, @Nullable String signature, String @Nullable [] exceptions) {
        String written = name.startsWith("lambda$") ? name.split("\\$", 3)[1] : name;
        boolean isLambda = !written.equals(name);
        boolean isMade = (access & Opcodes.ACC_SYNTHETIC) != 0 && !isLambda;
        if ((access & Opcodes.ACC_STATIC) != 0 || isMade || lockedNames.contains(written)) {
            return null;
        }
        return new Body(written);
    }

    private void called(String calledOwner, String nameAndDescriptor, String caller) {
        LockedMethod method = calledOwner.equals(owner) ? locked.get(nameAndDescriptor) : null;
        if (method != null) {
            found.add(new SelfCall(method, caller));
        }
    }

    /** One method: what is on the stack, slot by slot, and whether that is {@code this}. */
    private final class Body extends MethodVisitor {

        private final String caller;
        private final Map<Label, List<Boolean>> atTargets = new HashMap<>();

        /** Null where the instruction before never goes on to the next. */
        private @Nullable List<Boolean> stack = new ArrayList<>();

        Body(String caller) {
            super(SpringAsmInfo.ASM_VERSION);
            this.caller = caller;
        }

        private void replace(int popped, int pushed) {
            if (stack == null) {
                return;
            }
            if (stack.size() < popped) {
                // Not what compilers make: nothing more is said of this method.
                stack = null;
                return;
            }
            stack.subList(stack.size() - popped, stack.size()).clear();
            for (int i = 0; i < pushed; i++) {
                stack.add(false);
            }
        }

        /** Whether the slot so deep is {@code this}; 1 is the top, 0 is none. */
        private boolean isThis(int depth) {
            return stack != null && depth > 0 && stack.size() >= depth && stack.get(stack.size() - depth);
        }

        private void jump(Label target) {
            if (stack != null) {
                atTargets.putIfAbsent(target, List.copyOf(stack));
            }
        }

        @Override
        public void visitLabel(Label label) {
            if (stack == null) {
                // Else the beginning of an exception's handler, or the head of a loop that is entered from below.
                stack = new ArrayList<>(atTargets.getOrDefault(label, List.of(false)));
            }
        }

        @Override
        public void visitVarInsn(int opcode, int variable) {
            switch (opcode) {
                case Opcodes.ALOAD -> {
                    replace(0, 1);
                    if (stack != null) {
                        stack.set(stack.size() - 1, variable == 0);
                    }
                }
                case Opcodes.ILOAD, Opcodes.FLOAD -> replace(0, 1);
                case Opcodes.LLOAD, Opcodes.DLOAD -> replace(0, 2);
                case Opcodes.LSTORE, Opcodes.DSTORE -> replace(2, 0);
                default -> replace(1, 0);
            }
        }

        @Override
        public void visitMethodInsn(
                int opcode, String calledOwner, String name, String descriptor, boolean isInterface) {
            int sizes = Type.getArgumentsAndReturnSizes(descriptor);
            int withReceiver = sizes >> 2;
            if (opcode == Opcodes.INVOKEVIRTUAL && isThis(withReceiver)) {
                called(calledOwner, name + descriptor, caller);
            }
            replace(opcode == Opcodes.INVOKESTATIC ? withReceiver - 1 : withReceiver, sizes & 3);
        }

        /** Such as {@code this::method}. */
        @Override
        public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
            int sizes = Type.getArgumentsAndReturnSizes(descriptor);
            int captured = (sizes >> 2) - 1;
            for (Object argument : arguments) {
                if (argument instanceof Handle handle
                        && handle.getTag() == Opcodes.H_INVOKEVIRTUAL
                        && isThis(captured)) {
                    called(handle.getOwner(), handle.getName() + handle.getDesc(), caller);
                }
            }
            replace(captured, sizes & 3);
        }

        @Override
        public void visitFieldInsn(int opcode, String fieldOwner, String name, String descriptor) {
            int size = Type.getType(descriptor).getSize();
            switch (opcode) {
                case Opcodes.GETSTATIC -> replace(0, size);
                case Opcodes.PUTSTATIC -> replace(size, 0);
                case Opcodes.GETFIELD -> replace(1, size);
                default -> replace(1 + size, 0);
            }
        }

        @Override
        public void visitJumpInsn(int opcode, Label label) {
            switch (opcode) {
                case Opcodes.GOTO -> {}
                case Opcodes.IFNULL, Opcodes.IFNONNULL -> replace(1, 0);
                default -> replace(opcode <= Opcodes.IFLE ? 1 : 2, 0);
            }
            jump(label);
            if (opcode == Opcodes.GOTO) {
                stack = null;
            }
        }

        @Override
        public void visitTableSwitchInsn(int minimum, int maximum, Label otherwise, Label... labels) {
            choose(otherwise, labels);
        }

        @Override
        public void visitLookupSwitchInsn(Label otherwise, int[] keys, Label[] labels) {
            choose(otherwise, labels);
        }

        private void choose(Label otherwise, Label... labels) {
            replace(1, 0);
            jump(otherwise);
            for (Label label : labels) {
                jump(label);
            }
            stack = null;
        }

        @Override
        public void visitLdcInsn(Object value) {
            replace(0, value instanceof Long || value instanceof Double ? 2 : 1);
        }

        @Override
        public void visitIntInsn(int opcode, int operand) {
            replace(opcode == Opcodes.NEWARRAY ? 1 : 0, 1);
        }

        @Override
        public void visitTypeInsn(int opcode, String type) {
            replace(opcode == Opcodes.NEW ? 0 : 1, 1);
        }

        @Override
        public void visitMultiANewArrayInsn(String descriptor, int dimensions) {
            replace(dimensions, 1);
        }

        @Override
        public void visitInsn(int opcode) {
            boolean isWide = switch (opcode) {
                case Opcodes.LADD, Opcodes.LSUB, Opcodes.LMUL, Opcodes.LDIV, Opcodes.LREM -> true;
                case Opcodes.DADD, Opcodes.DSUB, Opcodes.DMUL, Opcodes.DDIV, Opcodes.DREM -> true;
                case Opcodes.LAND, Opcodes.LOR, Opcodes.LXOR -> true;
                default -> false;
            };
            switch (opcode) {
                case Opcodes.NOP, Opcodes.INEG, Opcodes.FNEG, Opcodes.LNEG, Opcodes.DNEG -> {}
                case Opcodes.LCONST_0, Opcodes.LCONST_1, Opcodes.DCONST_0, Opcodes.DCONST_1 -> replace(0, 2);
                case Opcodes.LALOAD, Opcodes.DALOAD, Opcodes.L2D, Opcodes.D2L -> replace(2, 2);
                case Opcodes.LASTORE, Opcodes.DASTORE -> replace(4, 0);
                case Opcodes.IASTORE, Opcodes.FASTORE, Opcodes.AASTORE -> replace(3, 0);
                case Opcodes.BASTORE, Opcodes.CASTORE, Opcodes.SASTORE -> replace(3, 0);
                case Opcodes.POP, Opcodes.MONITORENTER, Opcodes.MONITOREXIT -> replace(1, 0);
                case Opcodes.POP2 -> replace(2, 0);
                case Opcodes.DUP -> {
                    boolean top = isThis(1);
                    replace(0, 1);
                    if (stack != null) {
                        stack.set(stack.size() - 1, top);
                    }
                }
                case Opcodes.DUP_X1 -> replace(2, 3);
                case Opcodes.DUP_X2 -> replace(3, 4);
                case Opcodes.DUP2 -> replace(2, 4);
                case Opcodes.DUP2_X1 -> replace(3, 5);
                case Opcodes.DUP2_X2 -> replace(4, 6);
                case Opcodes.SWAP -> replace(2, 2);
                case Opcodes.LSHL, Opcodes.LSHR, Opcodes.LUSHR -> replace(3, 2);
                case Opcodes.I2L, Opcodes.I2D, Opcodes.F2L, Opcodes.F2D -> replace(1, 2);
                case Opcodes.L2I, Opcodes.L2F, Opcodes.D2I, Opcodes.D2F -> replace(2, 1);
                case Opcodes.I2F, Opcodes.F2I, Opcodes.I2B, Opcodes.I2C, Opcodes.I2S -> replace(1, 1);
                case Opcodes.ARRAYLENGTH -> replace(1, 1);
                case Opcodes.LCMP, Opcodes.DCMPL, Opcodes.DCMPG -> replace(4, 1);
                case Opcodes.IRETURN, Opcodes.LRETURN, Opcodes.FRETURN, Opcodes.DRETURN -> stack = null;
                case Opcodes.ARETURN, Opcodes.RETURN, Opcodes.ATHROW -> stack = null;
                default -> {
                    if (opcode <= Opcodes.FCONST_2) {
                        replace(0, 1);
                    } else {
                        // An element of an array, or two numbers that become one.
                        replace(isWide ? 4 : 2, isWide ? 2 : 1);
                    }
                }
            }
        }
    }
}
