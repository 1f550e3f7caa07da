// SPDX-License-Identifier: Apache-2.0
// Serves pictures of PDF pages and places on them until nobody asks any more.
#include "app/import/show_pages.h"

#include "app/import/pdf_file.h"

namespace bookwheel {
namespace {

void answer(PdfFile& pdf, const wire::RenderPage& request, uchar* memory, Channel& channel) {
  const auto size = pdf.render(static_cast<int>(request.page),
                               static_cast<int>(request.widthPixels), request.dark, memory);
  if (size) {
    channel.send(wire::Bitmap{request.ticket, static_cast<std::uint32_t>(size->width()),
                              static_cast<std::uint32_t>(size->height())});
  } else {
    channel.send(wire::RequestFailed{request.ticket});
  }
}

void answer(std::uint64_t ticket, wire::Rectangles found, Channel& channel) {
  found.ticket = ticket;
  channel.send(found);
}

}  // namespace

void showPages(QFile& file, const wire::Start& start, uchar* memory, Channel& channel) {
  PdfFile pdf;
  if (const auto failed = pdf.open(file, start.password)) {
    channel.send(*failed);
    return;
  }
  const auto pages = static_cast<std::uint32_t>(pdf.pageCount());
  channel.send(wire::Opened{DocumentFormat::Pdf, pdf.title(), pages});
  while (const auto frame = channel.receive()) {
    if (frame->type == wire::Type::RenderPage) {
      const auto request = wire::RenderPage::parse(frame->payload);
      if (!request || request->page >= pages || request->widthPixels > 1'000'000) {
        return;
      }
      answer(pdf, *request, memory, channel);
    } else if (frame->type == wire::Type::FindRectangles) {
      const auto request = wire::FindRectangles::parse(frame->payload);
      if (!request || request->page >= pages) {
        return;
      }
      answer(request->ticket,
             pdf.rectangles(static_cast<int>(request->page), request->begin, request->end),
             channel);
    } else if (frame->type == wire::Type::FindSelection) {
      const auto request = wire::FindSelection::parse(frame->payload);
      if (!request || request->page >= pages) {
        return;
      }
      answer(request->ticket,
             pdf.selection(static_cast<int>(request->page), request->from, request->to), channel);
    } else {
      return;
    }
  }
}

}  // namespace bookwheel
