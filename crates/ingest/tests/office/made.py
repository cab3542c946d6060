"""Makes office files with the libraries that most people use, into the folder that is given, and lists what is planted
in them: a line for each quote, with the file, the place and the quote between tabs."""

import datetime
import sys
import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx
from docx.enum.text import WD_BREAK
from openpyxl.comments import Comment
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

FOLDER = Path(sys.argv[1])
PLANTED = []


def plant(file, place, quote):
    PLANTED.append(f"{file}\t{place}\t{quote}")
    return quote


def word():
    file = "report.docx"
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = plant(file, "", "Confidential to the harbour board")
    document.add_paragraph(plant(file, "", "What stands before all headings."))
    for chapter in range(1, 14):
        title = f"Harbour number {chapter}"
        document.add_heading(title, level=1)
        place = f"section {title}"
        paragraph = document.add_paragraph(plant(file, place, f"The crane of harbour {chapter} lifts {chapter * 7} tonnes."))
        paragraph.add_run(" And ").bold = True
        paragraph.add_run(f"it is {chapter} years old.")
        plant(file, place, f"{chapter * 7} tonnes. And it is {chapter} years old.")
        document.add_paragraph(f"Berth {chapter}", style="List Bullet")
        plant(file, place, f"• Berth {chapter}")
        document.add_heading(f"Cargo {chapter}", level=2)
        place = f"section Cargo {chapter}"
        table = document.add_table(rows=4, cols=3)
        for row, cells in enumerate(table.rows):
            cells.cells[1].text = f"Pier {chapter}-{row}"
            cells.cells[2].text = f"{chapter * 1000 + row} t"
        table.cell(0, 0).merge(table.cell(3, 0)).text = f"Goods {chapter}"
        for row in (0, 3):
            plant(file, place, f"Goods {chapter} | Pier {chapter}-{row} | {chapter * 1000 + row} t")
        if chapter == 5:
            run = document.add_paragraph("Before the page.").add_run()
            run.add_break(WD_BREAK.PAGE)
        if chapter == 6:
            commented = document.add_paragraph("Somebody doubts this.")
            document.add_comment(commented.runs, text="Is that so?", author="Ada")
            plant(file, place, "[comment by Ada: Is that so?]")
    document.save(FOLDER / file)


def workbook():
    file = "figures.xlsx"
    book = openpyxl.Workbook()
    book.remove(book.active)
    for index, name in enumerate(["Costs", "Ships & crews", "Archive"]):
        sheet = book.create_sheet(name)
        sheet.append([f"Ship {index}", "Day", "Share", "Price", "Count"])
        plant(file, f"sheet {name} row 1", f"Ship {index} | Day | Share | Price | Count")
        for row in range(2, 26):
            day = datetime.date(2024, 1, 1) + datetime.timedelta(days=row * 11)
            sheet.append([f"Ship {index}-{row}", day, row / 200, row * 1234.5, row])
            sheet.cell(row, 2).number_format = "DD/MM/YYYY"
            sheet.cell(row, 3).number_format = "0.0%"
            sheet.cell(row, 4).number_format = '"$"#,##0.00'
            if row % 2:
                share = f"{row / 2:.1f}%"
                price = f"${row * 1234.5:,.2f}"
                plant(file, f"sheet {name} row {row}", f"Ship {index}-{row} | {day} | {share} | {price} | {row}")
        sheet["A30"] = f"Fleet {index}"
        sheet["B30"] = "first"
        sheet["B31"] = "second"
        sheet.merge_cells("A30:A31")
        plant(file, f"sheet {name} row 31", f"Fleet {index} | second")
    book["Costs"]["A2"].comment = Comment("Check this", "Ada")
    plant(file, "sheet Costs row 2", "Check this")
    book["Archive"].sheet_state = "hidden"
    plant(file, "sheet Archive", "Sheet: Archive (hidden)")
    book.save(FOLDER / file)


def slides():
    file = "talk.pptx"
    deck = pptx.Presentation()
    for number in range(1, 17):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        place = f"slide {number}"
        slide.shapes.title.text = plant(file, place, f"Voyage number {number}")
        body = slide.placeholders[1].text_frame
        body.text = plant(file, place, f"We sailed {number * 13} miles.")
        point = body.add_paragraph()
        point.text, point.level = plant(file, place, f"The wind was {number} knots."), 1
        slide.notes_slide.notes_text_frame.text = plant(file, place, f"Remember port {number}.")
        if number == 4:
            table = slide.shapes.add_table(3, 2, Inches(1), Inches(3), Inches(4), Inches(1)).table
            for row in range(3):
                table.cell(row, 0).text, table.cell(row, 1).text = f"Mast {row}", f"{row * 9} m"
            plant(file, place, "Mast 2 | 18 m")
        if number == 5:
            group = slide.shapes.add_group_shape()
            box = group.shapes.add_textbox(Inches(1), Inches(1), Inches(2), Inches(1))
            box.text_frame.text = plant(file, place, "Anchored in a group")
        if number == 6:
            data = CategoryChartData()
            data.categories = ["North", "South"]
            data.add_series("Trips", (11, 22))
            slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(3), Inches(4), Inches(3), data)
            plant(file, place, "South | 22")
        if number == 7:
            slide._element.set("show", "0")
            plant(file, place, "Slide 7 (hidden)")
    deck.save(FOLDER / file)


def book():
    file = "novel.epub"
    pages = range(1, 11)
    item = "<item id='p{0}' href='text/p{0}.xhtml' media-type='application/xhtml+xml'/>".format
    point = "<li><a href='text/p{0}.xhtml'>Chapter {0}</a></li>".format
    with zipfile.ZipFile(FOLDER / file, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        book.writestr(
            "META-INF/container.xml",
            "<container xmlns='urn:oasis:names:tc:opendocument:xmlns:container' version='1.0'><rootfiles>"
            "<rootfile full-path='content.opf' media-type='application/oebps-package+xml'/></rootfiles></container>",
        )
        book.writestr(
            "content.opf",
            "<package xmlns='http://www.idpf.org/2007/opf' version='3.0'><metadata/><manifest>"
            "<item id='n' href='nav.xhtml' media-type='application/xhtml+xml' properties='nav'/>"
            + "".join(map(item, pages))
            + "</manifest><spine>"
            + "".join(f"<itemref idref='p{page}'/>" for page in pages)
            + "</spine></package>",
        )
        book.writestr(
            "nav.xhtml",
            "<html xmlns='http://www.w3.org/1999/xhtml' xmlns:epub='http://www.idpf.org/2007/ops'><body>"
            f"<nav epub:type='toc'><ol>{''.join(map(point, pages))}</ol></nav></body></html>",
        )
        for page in pages:
            place = f"chapter Chapter {page}"
            first, second = f"The sea was {page} fathoms deep.", f"Captain {page} said nothing."
            plant(file, place, first)
            plant(file, place, second)
            book.writestr(
                f"text/p{page}.xhtml",
                f"<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>Chapter {page}</h1><p>{first}</p><p>He sighed. "
                f"<b>{second}</b></p></body></html>",
            )


word()
workbook()
slides()
book()
(FOLDER / "planted.tsv").write_text("\n".join(PLANTED) + "\n", encoding="utf-8")
