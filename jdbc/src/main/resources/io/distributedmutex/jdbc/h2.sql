-- The fence table on H2 2.0 and newer: the greatest fencing token that each resource has seen.
-- A name is stored as the bytes of its UTF-8, since text would be compared as SET COLLATION and SET IGNORECASE say.
-- To read it: SELECT UTF8TOSTRING(resource_name), token FROM fencing_token
CREATE TABLE IF NOT EXISTS fencing_token (
    resource_name VARBINARY(1536) NOT NULL PRIMARY KEY,
    token BIGINT NOT NULL
);
-- What an application may do: GRANT SELECT, INSERT, UPDATE ON fencing_token TO ...
