/** The API of CRaC, as far as the library uses it, with checkpoints that a test takes. */
package org.crac;
