/* Where our own files are, seen from the running gorocheck: in a build folder and in an
 * installation alike. */
#ifndef ANALYZER_PLACE_H
#define ANALYZER_PLACE_H

/* Absolute paths, to be freed; NULL if the file is not there. */
char *place_shim(void); /* libgorocheck.so */
char *place_stub(void); /* the folder of the stub libtsan.so.2 */
char *place_self(void); /* gorocheck */

#endif
