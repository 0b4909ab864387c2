; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @give_back(ptr noalias noundef align 8 captures(none) dereferenceable(536) %v1) unnamed_addr {
b0:
  %v2 = load i64, ptr %v1, align 8
  %v3 = icmp eq i64 %v2, 0
  br i1 %v3, label %b2, label %b1
b1:
  %v4 = getelementptr inbounds nuw i8, ptr %v1, i64 360
  %v5 = load i64, ptr %v4, align 8
  %v6 = getelementptr inbounds nuw i8, ptr %v1, i64 496
  %v7 = load i64, ptr %v6, align 8
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 356
  %v9 = load i8, ptr %v8, align 4
  %v10 = trunc nuw i8 %v9 to i1
  %v11 = sub i64 %v5, %v7
  %v12 = select i1 %v10, i64 -1, i64 4294967295
  %v13 = and i64 %v12, %v11
  %v14 = icmp eq i64 %v13, 0
  br i1 %v14, label %b5, label %b3
b2:
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i32 0, ptr %v15, align 8
  %v16 = getelementptr inbounds nuw i8, ptr %v1, i64 360
  %v17 = load i64, ptr %v16, align 8
  br label %b4
b3:
  %v18 = getelementptr inbounds nuw i8, ptr %v1, i64 424
  %v19 = load i64, ptr %v18, align 8
  %v20 = icmp eq i64 %v19, 7
  br i1 %v20, label %b7, label %b6
b4:
  %v21 = phi i64 [ %v5, %b18 ], [ %v5, %b6 ], [ %v17, %b2 ], [ %v22, %b17 ]
  tail call void @store_published(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1, i64 noundef %v21)
  br label %b5
b5:
  ret void
b6:
  %v23 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i32 0, ptr %v23, align 8
  br label %b4
b7:
  %v24 = getelementptr inbounds nuw i8, ptr %v1, i64 392
  %v25 = load i64, ptr %v24, align 8
  %v26 = getelementptr inbounds nuw i8, ptr %v1, i64 400
  %v27 = load i64, ptr %v26, align 8
  %v28 = getelementptr inbounds nuw i8, ptr %v1, i64 408
  %v29 = load i64, ptr %v28, align 8
  %v30 = getelementptr inbounds nuw i8, ptr %v1, i64 416
  %v31 = load i64, ptr %v30, align 8
  %v32 = sub i64 %v5, %v31
  %v33 = and i64 %v12, %v32
  %v34 = getelementptr inbounds nuw i8, ptr %v1, i64 352
  %v35 = load i32, ptr %v34, align 8
  %v36 = zext i32 %v35 to i64
  %v37 = icmp ugt i64 %v33, %v36
  br i1 %v37, label %b8, label %b9
b8:
  br label %b9
b9:
  %v38 = phi i64 [ %v7, %b8 ], [ %v31, %b7 ]
  %v39 = phi i64 [ %v7, %b8 ], [ %v29, %b7 ]
  %v40 = phi i64 [ %v7, %b8 ], [ %v27, %b7 ]
  %v41 = phi i64 [ %v7, %b8 ], [ %v25, %b7 ]
  %v42 = icmp eq i64 %v38, %v5
  br i1 %v42, label %b10, label %b11
b10:
  %v43 = sub i64 %v5, %v40
  %v44 = and i64 %v43, %v12
  %v45 = icmp ugt i64 %v44, %v13
  %v46 = select i1 %v45, i64 %v7, i64 %v40
  %v47 = sub i64 %v39, %v46
  %v48 = and i64 %v47, %v12
  %v49 = icmp eq i64 %v48, 0
  br i1 %v49, label %b12, label %b13
b11:
  %v50 = sub i64 %v5, %v39
  %v51 = and i64 %v50, %v12
  %v52 = icmp ugt i64 %v51, %v13
  br i1 %v52, label %b14, label %b15
b12:
  %v53 = sub i64 %v5, %v41
  %v54 = and i64 %v53, %v12
  %v55 = icmp ugt i64 %v54, %v13
  %v56 = select i1 %v55, i64 %v7, i64 %v41
  br label %b16
b13:
  %v57 = tail call { i64, i64 } @last_two(ptr noundef nonnull readonly align 8 %v1, i64 noundef %v46, i64 noundef %v39)
  %v58 = extractvalue { i64, i64 } %v57, 1
  br label %b16
b14:
  %v59 = tail call { i64, i64 } @last_two(ptr noundef nonnull readonly align 8 %v1, i64 noundef %v7, i64 noundef %v5)
  %v60 = extractvalue { i64, i64 } %v59, 0
  br label %b16
b15:
  %v61 = tail call { i64, i64 } @last_two(ptr noundef nonnull readonly align 8 %v1, i64 noundef %v38, i64 noundef %v5)
  %v62 = extractvalue { i64, i64 } %v61, 0
  %v63 = extractvalue { i64, i64 } %v61, 1
  %v64 = icmp eq i64 %v62, %v63
  %v65 = select i1 %v64, i64 %v39, i64 %v62
  br label %b16
b16:
  %v22 = phi i64 [ %v65, %b15 ], [ %v56, %b12 ], [ %v60, %b14 ], [ %v58, %b13 ]
  %v66 = sub i64 %v5, %v22
  %v67 = and i64 %v66, %v12
  %v68 = lshr i32 %v35, 3
  %v69 = zext nneg i32 %v68 to i64
  %v70 = icmp ugt i64 %v67, %v69
  br i1 %v70, label %b18, label %b17
b17:
  %v71 = icmp ult i64 %v67, %v13
  br i1 %v71, label %b4, label %b5
b18:
  %v72 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i32 0, ptr %v72, align 8
  br label %b4
}
