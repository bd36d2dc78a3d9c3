// Text in pictures: lower-case letters, digits and a few signs, five columns by eight rows.
#ifndef HYDRA_RUNTIME_DIAGNOSTICS_PIXEL_FONT_H_
#define HYDRA_RUNTIME_DIAGNOSTICS_PIXEL_FONT_H_

#include "absl/strings/string_view.h"
#include "runtime/io/png.h"

namespace hydra {

inline constexpr int kLetterWidth = 12, kLetterHeight = 16;  // with the gaps between them

// Draws `text` with its upper left corner at (x, y); what has no letter shape is left blank. All of
// it must lie within the picture.
void DrawText(absl::string_view text, int x, int y, Picture& picture);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_DIAGNOSTICS_PIXEL_FONT_H_
