/* Drives the tools of libhydra.
 *   drive_tools                     prints their names
 *   drive_tools NAME [ARGUMENTS...] prints status and result, and the error on stderr */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/app/hydra.h"

int main(int argc, char** argv) {
  char* text = (char*)1;
  if (argc == 1) {
    if (hydra_list_tools(NULL) != HYDRA_USAGE) return 2;
    if (hydra_list_tools(&text) != HYDRA_OK) {
      fprintf(stderr, "%s\n", hydra_last_error());
      return 1;
    }
    printf("%s", text);
    hydra_text_free(text);
    hydra_text_free(NULL);
    return 0;
  }
  const hydra_status status =
      hydra_run_tool(argv[1], (const char* const*)argv + 2, (size_t)(argc - 2), &text);
  fprintf(stderr, "%s", hydra_last_error());
  printf("%d\n%s", (int)status, text == NULL ? "" : text);
  hydra_text_free(text);
  return 0;
}
