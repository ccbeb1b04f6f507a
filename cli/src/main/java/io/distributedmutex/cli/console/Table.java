package io.distributedmutex.cli.console;

import java.util.List;

/** Aligns columns. */
public final class Table {

    private static final String GAP = "  ";

    private Table() {}

    /** Rows of equally many cells as lines; all columns but the last are padded. */
    public static String of(List<List<String>> rows) {
        int columns = rows.get(0).size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int column = 0; column < columns; column++) {
                widths[column] = Math.max(widths[column], width(row.get(column)));
            }
        }
        StringBuilder text = new StringBuilder();
        for (List<String> row : rows) {
            for (int column = 0; column < columns; column++) {
                String cell = row.get(column);
                text.append(cell);
                if (column < columns - 1) {
                    text.append(" ".repeat(widths[column] - width(cell))).append(GAP);
                }
            }
            text.append('\n');
        }
        return text.toString();
    }

    private static int width(String text) {
        return text.codePointCount(0, text.length());
    }
}
