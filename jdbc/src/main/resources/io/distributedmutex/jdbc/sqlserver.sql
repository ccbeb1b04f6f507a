-- The fence table on SQL Server 2016 and newer: the greatest fencing token that each resource has seen.
-- A name is stored as the bytes of its UTF-8, since text would ignore trailing spaces, and case in most collations.
-- To read it: SELECT CONVERT(VARCHAR(1536), resource_name), token FROM fencing_token
-- The key is not clustered, since only such an index takes more than 900 bytes.
CREATE TABLE fencing_token (
    resource_name VARBINARY(1536) NOT NULL PRIMARY KEY NONCLUSTERED,
    token BIGINT NOT NULL
);
-- What an application may do: GRANT SELECT, INSERT, UPDATE ON fencing_token TO ...
