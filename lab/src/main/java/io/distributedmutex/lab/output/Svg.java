package io.distributedmutex.lab.output;

import java.util.Locale;

/** Writes the few shapes of SVG that a timeline needs. Lengths are in pixels. */
public final class Svg {

    private final StringBuilder body = new StringBuilder();

    /** Text of one of the classes that {@link #document} defines. */
    public Svg text(double x, double y, String classes, String text) {
        body.append(format("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, classes, escaped(text)));
        return this;
    }

    public Svg rectangle(double x, double y, double width, double height, String classes, String tip) {
        body.append(format(
                "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" class=\"%s\">%s</rect>\n",
                x, y, width, height, classes, tip.isEmpty() ? "" : "<title>" + escaped(tip) + "</title>"));
        return this;
    }

    public Svg line(double x1, double y1, double x2, double y2, String classes) {
        body.append(format(
                "<line x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2, classes));
        return this;
    }

    /** A cross, centred. */
    public Svg cross(double x, double y, double radius, String classes) {
        return line(x - radius, y - radius, x + radius, y + radius, classes)
                .line(x - radius, y + radius, x + radius, y - radius, classes);
    }

    /** The whole document. Its colours are readable on white and on black. */
    public String document(int width, int height, String definitions) {
        return format(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n%s%s</svg>\n",
                width, height, width, height, definitions, body);
    }

    private static String format(String format, Object... arguments) {
        return String.format(Locale.ROOT, format, arguments);
    }

    public static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
