// SPDX-License-Identifier: Apache-2.0

/// A file that the server shows to a browser. Its bytes are part of the program.
package struct PageFile: Sendable {
    package let contentType: String
    package let bytes: [UInt8]

    package static let page = PageFile(contentType: "text/html; charset=utf-8", bytes: PackageResources.page_html)
    package static let style = PageFile(contentType: "text/css; charset=utf-8", bytes: PackageResources.page_css)
    package static let script = PageFile(contentType: "text/javascript; charset=utf-8", bytes: PackageResources.page_js)
    package static let icon = PageFile(contentType: "image/svg+xml", bytes: PackageResources.icon_svg)
    /// The OpenAPI description of the server's routes.
    package static let description = PageFile(contentType: "application/json", bytes: PackageResources.openapi_json)
}
