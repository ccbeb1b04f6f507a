-- The fence table on Oracle 12c and newer: the greatest fencing token that each resource has seen.
-- A name is stored as the bytes of its UTF-8, since text would be compared as NLS_COMP and NLS_SORT of the session say.
-- To read it: SELECT UTL_I18N.RAW_TO_CHAR(resource_name, 'AL32UTF8'), token FROM fencing_token
CREATE TABLE fencing_token (
    resource_name RAW(1536) NOT NULL PRIMARY KEY,
    token NUMBER(19) NOT NULL
);
-- What an application may do: GRANT SELECT, INSERT, UPDATE ON fencing_token TO ...
