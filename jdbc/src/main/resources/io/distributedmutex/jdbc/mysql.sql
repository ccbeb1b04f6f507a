-- The fence table on MySQL 5.7 and newer and MariaDB 10.2 and newer: the greatest fencing token that each resource has seen.
-- A name is stored as the bytes of its UTF-8, since text would ignore trailing spaces, and case in most collations.
-- To read it: SELECT CONVERT(resource_name USING utf8mb4), token FROM fencing_token
-- The column checks counts the tokens that were accepted, so that each of them changes the row.
CREATE TABLE IF NOT EXISTS fencing_token (
    resource_name VARBINARY(1536) NOT NULL PRIMARY KEY,
    token BIGINT NOT NULL,
    checks BIGINT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
-- What an application may do: GRANT SELECT, INSERT, UPDATE ON fencing_token TO ...
