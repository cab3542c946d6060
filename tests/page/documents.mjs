// The documents that the tests give: a text, and the same as a PDF with pages.

/** A report of so many paragraphs; the margins stand in two of them. */
export function report(paragraphs = 120) {
  const lines = [];
  for (let at = 1; at <= paragraphs; at += 1) {
    if (at === Math.round(paragraphs * 0.4)) lines.push('The company reported an operating margin of 12.3% for the year 2023.');
    else if (at === Math.round(paragraphs * 0.7)) lines.push('A year earlier it had shown an operating margin of 14.1% for the year 2022.');
    else lines.push(`Paragraph ${at}: the fleet sailed ${at + 40} voyages, and its ships were in dock for ${at % 9} days.`);
  }
  return `${lines.join('\n\n')}\n`;
}

/** A PDF of a text, so many lines a page. */
export function pdf(text, perPage = 30) {
  const lines = text.split('\n').filter(Boolean);
  const pages = [];
  for (let at = 0; at < lines.length; at += perPage) pages.push(lines.slice(at, at + perPage));
  const kids = pages.map((_, page) => `${4 + 2 * page} 0 R`);
  const objects = ['<< /Type /Catalog /Pages 2 0 R >>', `<< /Type /Pages /Kids [${kids.join(' ')}] /Count ${pages.length} >>`, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'];
  for (const [page, own] of pages.entries()) {
    const shown = own.map((line) => `(${line.replace(/[\\()]/g, '\\$&')}) Tj T*`).join('\n');
    const content = `BT /F1 11 Tf 14 TL 60 760 Td\n${shown}\nET`;
    objects.push(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * page} 0 R >>`);
    objects.push(`<< /Length ${content.length} >>\nstream\n${content}\nendstream`);
  }
  let file = '%PDF-1.4\n';
  const places = objects.map((object, at) => {
    const place = file.length;
    file += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return place;
  });
  const table = file.length;
  const rows = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(file, 'latin1');
}
