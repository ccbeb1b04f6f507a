-- The fence table on PostgreSQL 9.5 and newer: the greatest fencing token that each resource has seen.
-- The collation C compares byte by byte, so no two names are taken for one, whatever the database's own collation.
CREATE TABLE IF NOT EXISTS fencing_token (
    resource_name VARCHAR(512) COLLATE "C" NOT NULL PRIMARY KEY,
    token BIGINT NOT NULL
);
-- What an application may do: GRANT SELECT, INSERT, UPDATE ON fencing_token TO ...
